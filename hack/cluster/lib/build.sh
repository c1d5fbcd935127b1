# shellcheck shell=bash
# Builds each binary of a cluster once, into a folder of the cache for its version.

# module_of NAME prints the folder of the Go module that pins a binary.
module_of() {
  case $1 in
    etcd | kwok) echo "$HERE/$1" ;;
    kube-apiserver | kube-controller-manager | kube-scheduler | kube-proxy | kubelet | kubectl) echo "$HERE/kubernetes" ;;
    *) die "there is no binary $1 to build" ;;
  esac
}

package_of() {
  case $1 in
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    kwok) echo sigs.k8s.io/kwok/cmd/kwok ;;
    *) echo "k8s.io/kubernetes/cmd/$1" ;;
  esac
}

# version_of NAME prints the version that go.mod pins, so that a version is written in one place.
version_of() {
  local module=k8s.io/kubernetes
  case $1 in
    etcd) module=go.etcd.io/etcd/server/v3 ;;
    kwok) module=sigs.k8s.io/kwok ;;
  esac
  awk -v m="$module" '{ sub(/^require /, "") } $1 == m && $2 ~ /^v/ { print $2; exit }' "$(module_of "$1")/go.mod"
}

ldflags_of() {
  local version major minor package
  version=$(version_of "$1")
  IFS=. read -r major minor _ <<<"${version#v}"
  printf -- '-s -w'
  case $1 in
    etcd) ;;
    kwok) printf -- ' -X sigs.k8s.io/kwok/pkg/consts.Version=%s' "$version" ;;
    *)
      for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        printf -- ' -X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s -X %s.gitTreeState=clean' \
          "$package" "$version" "$package" "$major" "$package" "$minor" "$package"
      done
      ;;
  esac
}

# How long a first build takes on two cores. A later build finds most of it in Go's cache.
minutes_of() {
  case $1 in
    kube-apiserver) echo "about 8 minutes" ;;
    kwok) echo "about 4 minutes" ;;
    etcd | kubelet) echo "about 2 minutes" ;;
    *) echo "about 1 minute" ;;
  esac
}

built_path() {
  local family=kubernetes
  case $1 in etcd | kwok) family=$1 ;; esac
  echo "$CACHE/bin/$family-$(version_of "$1")/$1"
}

# binary_path NAME prints the path of a binary. The binaries that the user has for envtest come first.
binary_path() {
  case $1 in
    etcd | kube-apiserver | kube-controller-manager | kubectl)
      if has_own_assets && [[ -x $KUBEBUILDER_ASSETS/$1 ]]; then
        echo "$KUBEBUILDER_ASSETS/$1"
        return
      fi
      ;;
  esac
  built_path "$1"
}

# has_own_assets succeeds if KUBEBUILDER_ASSETS is a folder of the user's, and not one that "assets" printed.
has_own_assets() {
  [[ ${KUBEBUILDER_ASSETS:-} != "$CACHE"/bin/* ]] &&
    [[ -n ${KUBEBUILDER_ASSETS:-} && -x $KUBEBUILDER_ASSETS/etcd && -x $KUBEBUILDER_ASSETS/kube-apiserver ]]
}

require_go() {
  local wanted found
  wanted=$(awk '$1 == "go" { print $2; exit }' "$HERE/go.mod")
  has_command go || die "Go is not installed; install Go $wanted or later"
  # In a folder of no module, because a go.mod could make the command choose another toolchain.
  found=$(cd / && GOFLAGS='' go env GOVERSION) || die "'go env' fails; install Go $wanted or later"
  [[ $(printf '%s\n' "${wanted}" "${found#go}" | sort -V | head -n 1) == "$wanted" || $(go env GOTOOLCHAIN) != local ]] ||
    die "$found is too old; install Go $wanted or later"
}

# build_binaries NAME... builds those that are missing, and prints nothing if none is.
build_binaries() {
  local name
  for name in "$@"; do
    [[ -x $(binary_path "$name") ]] || build_binary "$name"
  done
}

# It is a subshell, so that its lock is released in every case.
build_binary() (
  local name=$1 target start=$SECONDS
  # The Makefile exports the Go that releases of Haltline are built with. A release of Kubernetes is tested with an older one, and
  # what is built here runs in tests only: the Go of this machine has to be enough, whoever calls.
  unset GOTOOLCHAIN
  require_go
  target=$(built_path "$name")
  mkdir -p "$(dirname "$target")"
  exec 9>"$CACHE/bin/.lock"
  if has_command flock && ! flock --nonblock 9; then
    say "waiting for another build to finish before $name"
    flock 9
  fi
  [[ ! -x $target ]] || return 0
  say "building $name $(version_of "$name") (once; $(minutes_of "$name") on two cores)"
  cd "$(module_of "$name")" || exit
  trap 'rm -f "$target.$$"' EXIT
  # -mod=readonly keeps a build from changing the pins. GOWORK=off ignores the workspace of a surrounding checkout.
  GOWORK=off GOFLAGS='' CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath \
    -ldflags "$(ldflags_of "$name")" -o "$target.$$" "$(package_of "$name")" 9>&- ||
    die "$name did not build"
  mv "$target.$$" "$target"
  say "built $name in $((SECONDS - start)) s"
)

# assets builds what the integration tests run, and prints a folder that has all of it.
assets() {
  local name folder
  build_binaries kube-apiserver kube-controller-manager etcd kubectl
  folder="$CACHE/bin/assets-$(version_of kubectl)-$(version_of etcd)"
  if has_own_assets; then folder="$CACHE/bin/assets-$(cksum <<<"$KUBEBUILDER_ASSETS" | cut -d ' ' -f 1)"; fi
  mkdir -p "$folder"
  for name in kube-apiserver kube-controller-manager etcd kubectl; do
    # An existing link is left alone, because another run may be starting its target.
    [[ $(readlink "$folder/$name") == "$(binary_path "$name")" ]] || ln -sfn "$(binary_path "$name")" "$folder/$name"
  done
  echo "$folder"
}

# helper_path NAME builds a small Go program of this repository if its sources have changed, and prints its path.
helper_path() {
  local key folder source="$HERE" package="./$1"
  if [[ $1 == image ]]; then source="$HERE/../image" package=.; fi
  key=$(cd "$source" && cat go.mod "$package"/*.go | cksum | cut -d ' ' -f 1)
  folder="$CACHE/bin/helpers"
  if [[ ! -x $folder/$1-$key ]]; then
    require_go
    mkdir -p "$folder"
    (cd "$source" && GOWORK=off GOFLAGS='' CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath \
      -ldflags '-s -w' -o "$folder/$1-$key.$$" "$package") || die "$1 did not build"
    mv "$folder/$1-$key.$$" "$folder/$1-$key"
  fi
  echo "$folder/$1-$key"
}
