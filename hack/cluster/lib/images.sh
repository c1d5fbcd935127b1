# shellcheck shell=bash
# Images for a real node, packed here: there is no registry to pull from.

PAUSE_IMAGE=registry.k8s.io/pause:3.10
BUSYBOX_IMAGE=docker.io/library/busybox:1.35

# pack FILE ARGUMENT...: makes an image, unless it is there, and prints its path.
pack() {
  local file="$CACHE/images/$1"
  shift
  if [[ ! -e $file ]]; then
    mkdir -p "$CACHE/images"
    "$(helper image)" --output "$file.$$" "$@"
    mv "$file.$$" "$file"
  fi
  echo "$file"
}

pause_image() {
  local pause
  pause=$(helper pause)
  pack "$(basename "$pause").tar" --tag "$PAUSE_IMAGE" --binary "$pause" --entrypoint /pause --user 65535:65535
}

busybox_image() {
  local busybox applet links=()
  busybox=$(static_busybox)
  for applet in $("$busybox" --list); do
    [[ $applet == busybox ]] || links+=(--link "/bin/$applet=busybox")
  done
  pack "busybox-$(cksum <"$busybox" | cut -d ' ' -f 1).tar" --tag "$BUSYBOX_IMAGE" --file "$busybox=/bin/busybox:755" \
    "${links[@]}" --env PATH=/bin --cmd sh
}

# Debian's static busybox, without installing it: the package would take the place of another one.
static_busybox() {
  local folder="$CACHE/busybox"
  if [[ -x /bin/busybox ]] && ! ldd /bin/busybox >/dev/null 2>&1; then
    echo /bin/busybox
    return
  fi
  if [[ ! -x $folder/bin/busybox ]]; then
    say "fetching Debian's busybox-static"
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$folder" && { apt-get download busybox-static || { apt-get update && apt-get download busybox-static; }; } &&
      dpkg-deb --extract busybox-static_*.deb .) >"$CACHE/apt.log" 2>&1 </dev/null ||
      die "no busybox-static: see $CACHE/apt.log, or install a static /bin/busybox"
    [[ -x $folder/bin/busybox ]] || ln -s ../usr/bin/busybox "$folder/bin/busybox"
  fi
  echo "$folder/bin/busybox"
}

# Through standard input: the node does not see every folder of this machine.
load_images() {
  local image
  for image in "$@"; do
    in_node ctr --namespace k8s.io images import - <"$image" >>"$DIR/logs/images.log" 2>&1 ||
      failed images "$image was not loaded"
  done
}
