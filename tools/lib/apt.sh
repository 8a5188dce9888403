# shellcheck shell=bash disable=SC2154,SC2086,SC2016 # the folders come from common.sh; apt reads its own $(...)
# Debian packages: the machine's own, and private apt roots.
#
# A private root has its own state, cache and source list below the cache folder; the machine's sources are read
# (through apt itself) to learn which mirror serves this release's main archive, and are never written. apt checks
# every index against Debian's keyring and every file against its index.

readonly debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

host_codename() { (. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}"); }

# missing_packages NAME...: those that are not installed.
missing_packages() {
  local installed name
  # dpkg-query fails where it doesn't know one of the names; it prints the others all the same.
  installed=" $({ dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true; } |
    awk '$2 == "installed" { print $1 }' | tr '\n' ' ') "
  for name in "$@"; do
    [[ "$installed" == *" $name "* ]] || printf '%s\n' "$name"
  done
}

# update_host_lists: the machine's own sources. A third-party source that is down is not our business.
update_host_lists() {
  as_root apt-get -q -o DPkg::Lock::Timeout=300 update >"$build_dir/log/apt-update.log" 2>&1 ||
    say "apt-get update had errors (see $build_dir/log/apt-update.log); going on with what there is"
}

# install_packages NAME... : the options of apt-get may come first.
install_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
    --no-install-recommends "$@"
}

# main_mirrors: the mirrors of this release's main archive, one a line, as apt knows them. The security and updates
# archives have other codenames or labels, third parties another origin.
main_mirrors() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)|$(CODENAME)|$(ORIGIN)|$(LABEL)' 'Identifier: Packages' |
    awk -F'|' -v release="$(host_codename)" '
      $2 == release && $3 == "Debian" && $4 == "Debian" {
        sub(/ [^ ]*$/, "", $1)
        if ($1 !~ /^cdrom:/ && !seen[$1]++) print $1
      }'
}

# find_mirrors: sets `mirrors`; fetches the machine's lists first where there are none (fresh containers).
find_mirrors() {
  [ -z "${mirrors:-}" ] || return 0
  mirrors="$(main_mirrors)"
  if [ -z "$mirrors" ]; then
    need_root "fetching the machine's package lists"
    say "fetching the machine's package lists"
    update_host_lists
    mirrors="$(main_mirrors)"
  fi
  [ -n "$mirrors" ] ||
    die "apt knows no mirror of Debian's main archive: /etc/apt names none, or 'apt-get update' can't reach it"
}

# private_apt ROOT COMMAND...: apt-get, apt-cache with ROOT's lists. The roots:
#   trixie     Debian 13 for riscv64, and sources; an empty package status of its own: nothing of it is ever installed
#   backports  bookworm and bookworm-backports over the machine's own package status, to install QEMU
private_apt() {
  local root="$1" tool="$2" dir="$cache_dir/apt/$1"
  shift 2
  local options=(
    -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o "Dir::Cache::archives=$dir/archives"
    -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::Etc::preferences=$dir/preferences" -o Dir::Etc::preferencesparts=/dev/null
    -o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=30
    -o APT::Get::List-Cleanup=false -o APT::Update::Post-Invoke-Success= -o DPkg::Lock::Timeout=300
  )
  [ "$(id -u)" -ne 0 ] || options+=(-o APT::Sandbox::User=root)
  if [ "$root" = trixie ]; then
    options+=(-o "Dir::State=$dir" -o "Dir::State::status=$dir/status"
      -o APT::Architecture=riscv64 -o APT::Architectures=riscv64)
  fi
  "$tool" "${options[@]}" "$@"
}

# source_list ROOT MIRROR
source_list() {
  local signed="[signed-by=$debian_keyring]"
  case "$1" in
    trixie) printf '%s\n' "deb $signed $2 trixie main" "deb-src $signed $2 trixie main" ;;
    backports) printf '%s\n' "deb $signed $2 bookworm main" "deb $signed $2 bookworm-backports main" ;;
  esac
}

# Only QEMU and what it can't do without come from backports. With -t alone apt would also take newer libraries from
# there (libelf1), which then keep the machine's own packages (gdb) from being installed.
readonly backports_preferences='Package: src:qemu src:seabios src:opensbi
Pin: release n=bookworm-backports
Pin-Priority: 990'

# open_root ROOT: makes the private root and fetches its indexes, unless they are younger than a day.
open_root() {
  local root="$1" dir="$cache_dir/apt/$1" mirror
  [ -f "$debian_keyring" ] || die "$debian_keyring is missing: install debian-archive-keyring"
  mkdir -p "$dir"/{lists/partial,cache,archives/partial}
  touch "$dir/status"
  [ "$root" != backports ] || printf '%s\n' "$backports_preferences" >"$dir/preferences"
  [ -z "$(find "$dir/updated" -mmin -1440 2>/dev/null)" ] || return 0
  find_mirrors
  for mirror in $mirrors; do
    say "fetching the package index of $root from $mirror"
    source_list "$root" "$mirror" >"$dir/sources.list"
    if private_apt "$root" apt-get -q -o APT::Update::Error-Mode=any update >"$build_dir/log/apt-$root.log" 2>&1; then
      touch "$dir/updated"
      return 0
    fi
  done
  tail -n 5 "$build_dir/log/apt-$root.log" >&2
  die "no package index of Debian '$root': $(echo $mirrors) can't be reached, or does not carry it"
}

# download ROOT KIND NAME: KIND is `deb` or `source`. Sets `downloaded` to the folder that holds it: from the cache if
# it is whole, else from the mirror; an interrupted download goes on where it ended.
download() {
  local root="$1" kind="$2" name="$3"
  local dir="$cache_dir/$root/$name" part="$cache_dir/$root/$name.partial"
  downloaded="$dir"
  if (cd "$dir" 2>/dev/null && sha256sum --quiet --status -c .sha256 2>/dev/null); then return 0; fi
  rm -rf "$dir"
  open_root "$root"
  mkdir -p "$part"
  say "downloading $name ($root, $(download_size "$root" "$kind" "$name"))"
  run_download "$root" "$kind" "$name" "$part" || {
    rm -f "$cache_dir/apt/$root/updated" # perhaps the mirror has moved on since
    open_root "$root"
    run_download "$root" "$kind" "$name" "$part" ||
      die "cannot download $name of Debian '$root' (details: $build_dir/log/apt-$root.log); is the network there?"
  }
  (cd "$part" && sha256sum -- * >.sha256)
  mv "$part" "$dir"
}

run_download() {
  local command=(download)
  [ "$2" = deb ] || command=(source --download-only --tar-only)
  local out="$build_dir/log/apt-$1.log" progress=(-q)
  if [ -t 1 ]; then progress=() out=/dev/stdout; fi
  (cd "$4" && private_apt "$1" apt-get "${progress[@]}" "${command[@]}" "$3") >"$out" 2>&1
}

download_size() {
  local size
  size="$(private_apt "$1" apt-cache show "$3" 2>/dev/null | awk '/^Size:/ { print $2; exit }')"
  [ "$2" = deb ] && [ -n "$size" ] && printf '%s MB' "$(((size + 999999) / 1000000))" || printf 'source'
}

# unpack_source ROOT NAME DIR: the upstream tarball of a Debian source package. (Debian's patches to the three that we
# build are about its packaging; without them neither dpkg-dev nor the rest of the source package is needed.)
unpack_source() {
  download "$1" source "$2"
  rm -rf "$3"
  mkdir -p "$3"
  quietly "unpacking $2" tar -x -f "$(echo "$downloaded"/*.orig.tar.*)" -C "$3" --strip-components=1
}
