# shellcheck shell=bash
# Packs images for a real node, because there is no registry to pull them from.

PAUSE_IMAGE=registry.k8s.io/pause:3.10
BUSYBOX_IMAGE=docker.io/library/busybox:1.35

# pack_image FILE ARGUMENT... packs an image if the file does not exist, and prints its path.
pack_image() {
  local file="$CACHE/images/$1"
  shift
  if [[ ! -e $file ]]; then
    mkdir -p "$CACHE/images"
    "$(helper_path image)" --output "$file.$$" "$@"
    mv "$file.$$" "$file"
  fi
  echo "$file"
}

pause_image() {
  local pause
  pause=$(helper_path pause)
  pack_image "$(basename "$pause").tar" --tag "$PAUSE_IMAGE" --binary "$pause" --entrypoint /pause --user 65535:65535
}

busybox_image() {
  local busybox applet links=()
  busybox=$(static_busybox)
  for applet in $("$busybox" --list); do
    [[ $applet == busybox ]] || links+=(--link "/bin/$applet=busybox")
  done
  pack_image "busybox-$(cksum <"$busybox" | cut -d ' ' -f 1).tar" --tag "$BUSYBOX_IMAGE" --file "$busybox=/bin/busybox:755" \
    "${links[@]}" --env PATH=/bin --cmd sh
}

# static_busybox prints the path of a busybox. It downloads Debian's package and does not install it, because that would
# replace the package busybox.
static_busybox() {
  local folder="$CACHE/busybox"
  if [[ -x /bin/busybox ]] && ! ldd /bin/busybox >/dev/null 2>&1; then
    echo /bin/busybox
    return
  fi
  # Another cluster may be fetching it.
  mkdir -p "$CACHE"
  exec 6>"$CACHE/.busybox.lock"
  ! has_command flock || flock --nonblock 6 || { say "waiting for another cluster to fetch busybox" && flock 6; }
  if [[ ! -x $folder/bin/busybox ]]; then
    say "fetching Debian's busybox-static"
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$folder" && { apt-get download busybox-static || { apt-get update && apt-get download busybox-static; }; } &&
      dpkg-deb --extract busybox-static_*.deb .) >"$CACHE/apt.log" 2>&1 </dev/null 6>&- ||
      die "busybox-static could not be downloaded: see $CACHE/apt.log, or install a static /bin/busybox"
    [[ -x $folder/bin/busybox ]] || ln -s ../usr/bin/busybox "$folder/bin/busybox"
  fi
  exec 6>&-
  echo "$folder/bin/busybox"
}

# Images are read from standard input, because the node does not see every folder of this machine.
load_images() {
  local image
  for image in "$@"; do
    in_node ctr --namespace k8s.io images import - <"$image" >>"$DIR/logs/images.log" 2>&1 ||
      fail_component images "$image was not loaded"
  done
}
