# shellcheck shell=bash
# Builds what a cluster runs, each once, into a cache that is keyed by version.

# module_of NAME: the folder of the Go module that pins it.
module_of() {
  case $1 in
    etcd | kwok) echo "$HERE/$1" ;;
    kube-apiserver | kube-controller-manager | kube-scheduler | kube-proxy | kubelet | kubectl) echo "$HERE/kubernetes" ;;
    *) die "nothing to build by the name of $1" ;;
  esac
}

package_of() {
  case $1 in
    etcd) echo go.etcd.io/etcd/server/v3 ;;
    kwok) echo sigs.k8s.io/kwok/cmd/kwok ;;
    *) echo "k8s.io/kubernetes/cmd/$1" ;;
  esac
}

# version_of NAME: as its go.mod pins it, so that a version is written in one place.
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

# From nothing, on two cores; a later build finds most of it in Go's cache.
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

# binary NAME: the path of a binary. What the user brings for envtest goes first.
binary() {
  case $1 in
    etcd | kube-apiserver | kube-controller-manager | kubectl)
      if brought_assets && [[ -x $KUBEBUILDER_ASSETS/$1 ]]; then
        echo "$KUBEBUILDER_ASSETS/$1"
        return
      fi
      ;;
  esac
  built_path "$1"
}

# The folder that "assets" printed is not the user's own.
brought_assets() {
  [[ ${KUBEBUILDER_ASSETS:-} != "$CACHE"/bin/* ]] &&
    [[ -n ${KUBEBUILDER_ASSETS:-} && -x $KUBEBUILDER_ASSETS/etcd && -x $KUBEBUILDER_ASSETS/kube-apiserver ]]
}

require_go() {
  local wanted found
  wanted=$(awk '$1 == "go" { print $2; exit }' "$HERE/go.mod")
  has go || die "Go is not installed; install Go $wanted or later"
  # Asked outside of any module, where no go.mod makes the command choose another toolchain.
  found=$(cd / && GOFLAGS='' go env GOVERSION) || die "'go env' fails; install Go $wanted or later"
  [[ $(printf '%s\n' "${wanted}" "${found#go}" | sort -V | head -n 1) == "$wanted" || $(go env GOTOOLCHAIN) != local ]] ||
    die "$found is too old; install Go $wanted or later"
}

# build NAME...: silent where all of them are there.
build() {
  local name
  for name in "$@"; do
    [[ -x $(binary "$name") ]] || build_one "$name"
  done
}

# In a subshell, which gives its lock back in every case.
build_one() (
  local name=$1 target start=$SECONDS
  require_go
  target=$(built_path "$name")
  mkdir -p "$(dirname "$target")"
  exec 9>"$CACHE/bin/.lock"
  if has flock && ! flock --nonblock 9; then
    say "waiting for another build to finish before $name"
    flock 9
  fi
  [[ ! -x $target ]] || return 0
  say "building $name $(version_of "$name") (once; $(minutes_of "$name") on two cores)"
  cd "$(module_of "$name")" || exit
  trap 'rm -f "$target.$$"' EXIT
  # -mod=readonly: a build never changes the pins. The workspace of a surrounding checkout is none of its business.
  GOWORK=off GOFLAGS='' CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -trimpath \
    -ldflags "$(ldflags_of "$name")" -o "$target.$$" "$(package_of "$name")" 9>&- ||
    die "$name did not build"
  mv "$target.$$" "$target"
  say "built $name in $((SECONDS - start)) s"
)

# assets: builds what the integration tests run, and prints a folder that has all of it.
assets() {
  local name folder
  build kube-apiserver kube-controller-manager etcd kubectl
  folder="$CACHE/bin/assets-$(version_of kubectl)-$(version_of etcd)"
  if brought_assets; then folder="$CACHE/bin/assets-$(cksum <<<"$KUBEBUILDER_ASSETS" | cut -d ' ' -f 1)"; fi
  mkdir -p "$folder"
  for name in kube-apiserver kube-controller-manager etcd kubectl; do
    # A link that is there is left alone: another run may be starting what it names.
    [[ $(readlink "$folder/$name") == "$(binary "$name")" ]] || ln -sfn "$(binary "$name")" "$folder/$name"
  done
  echo "$folder"
}

# helper NAME: the path of a small program of the project itself, built in seconds, keyed by its sources.
helper() {
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
