/* A device in C11; see the .c file. */
#ifdef __cplusplus
extern "C"
#endif
/* Runs for 100 ms of virtual time; returns ticks * 10000 + bites * 100 + triggers. */
int c11_device_run(void);
