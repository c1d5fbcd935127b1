# shellcheck shell=bash
# Builds each binary of a cluster once, into a folder of the cache for its version.

# The components in the program of kubernetes/main.go, and in that of an older version. Each is a link to it.
LINKS="etcd kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet"
OLDER_LINKS="kube-apiserver kube-controller-manager"

# older_version prints the older version of Kubernetes that the user asks for by HALTLINE_KUBERNETES, such as 1.34. It prints
# nothing if that is the newest.
older_version() {
  local asked=${HALTLINE_KUBERNETES:-} newest
  newest=$(version_of "$HERE/kubernetes" k8s.io/kubernetes)
  [[ -n $asked && v$asked != "${newest%.*}" ]] || return 0
  [[ -r $HERE/kubernetes-$asked/go.mod ]] || die "HALTLINE_KUBERNETES=$asked: there is no hack/cluster/kubernetes-$asked"
  echo "$asked"
}

# module_of NAME prints the folder of the module that a binary is built in. etcd, kubectl and the node are always of the newest version.
module_of() {
  local older
  older=$(older_version) || exit
  case " $OLDER_LINKS " in
    *" $1 "*) echo "$HERE/kubernetes${older:+-$older}" ;;
    *) echo "$HERE/kubernetes" ;;
  esac
}

# packages_of NAME prints the packages that are built if a binary is missing. A real node needs no kwok, so it comes apart.
packages_of() {
  if [[ $(module_of "$1") != "$HERE/kubernetes" ]]; then
    echo .
    return
  fi
  case " kubectl $LINKS " in
    *" $1 "*) echo . k8s.io/kubernetes/cmd/kubectl ;;
    *)
      [[ $1 == kwok ]] || die "there is no binary $1 to build"
      echo sigs.k8s.io/kwok/cmd/kwok
      ;;
  esac
}

# version_of FOLDER MODULE prints the version that the go.mod of a folder pins, so that a version is written in one place.
version_of() {
  awk -v m="$2" '$1 == m && $2 ~ /^v/ { print $2; exit }' "$1/go.mod"
}

# ldflags_of FOLDER prints the flags for all binaries of a module. Nobody debugs them, so what a debugger reads is left out.
ldflags_of() {
  local version major minor package
  version=$(version_of "$1" k8s.io/kubernetes)
  IFS=. read -r major minor _ <<<"${version#v}"
  printf -- '-s -w -X sigs.k8s.io/kwok/pkg/consts.Version=%s' "$(version_of "$1" sigs.k8s.io/kwok)"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    printf -- ' -X %s.gitVersion=%s -X %s.gitMajor=%s -X %s.gitMinor=%s -X %s.gitTreeState=clean' \
      "$package" "$version" "$package" "$major" "$package" "$minor" "$package"
  done
}

# built_folder MODULE prints the folder of what the pins and the sources of a module make.
built_folder() {
  local key
  key=$(cd "$1" && cat go.mod go.sum ./*.go | cksum | cut -d ' ' -f 1)
  echo "$CACHE/bin/kubernetes-$(version_of "$1" k8s.io/kubernetes)-$key"
}

built_path() { echo "$(built_folder "$(module_of "$1")")/$1"; }

# binary_path NAME prints the path of a binary. The binaries that the user has for envtest come first, unless a version is asked for.
binary_path() {
  case $1 in
    etcd | kube-apiserver | kube-controller-manager | kubectl)
      if [[ -z ${HALTLINE_KUBERNETES:-} ]] && has_own_assets && [[ -x $KUBEBUILDER_ASSETS/$1 ]]; then
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

# build_binary NAME builds a binary, with what is built with it. It is a subshell, so that its lock is released in every case.
build_binary() (
  local name=$1 module folder new packages version links=$LINKS time="about 6 minutes" start=$SECONDS
  # The Makefile exports the Go that releases of Haltline are built with. A release of Kubernetes is tested with an older one, and
  # what is built here runs in tests only: the Go of this machine has to be enough, whoever calls.
  unset GOTOOLCHAIN
  require_go
  module=$(module_of "$name") || exit
  folder=$(built_folder "$module")
  new="$folder/.new.$$"
  packages=$(packages_of "$name") || exit
  version="Kubernetes $(version_of "$module" k8s.io/kubernetes) and etcd $(version_of "$module" go.etcd.io/etcd/server/v3)"
  if [[ $name == kwok ]]; then version="kwok $(version_of "$module" sigs.k8s.io/kwok)" time="less than a minute after Kubernetes"; fi
  if [[ $module != "$HERE/kubernetes" ]]; then version=${version%% and *} time="about 5 minutes" links=$OLDER_LINKS; fi
  mkdir -p "$folder"
  exec 9>"$CACHE/bin/.lock"
  if has_command flock && ! flock --nonblock 9; then
    say "waiting for another build to finish before $name"
    flock 9
  fi
  [[ ! -x $folder/$name ]] || return 0
  say "building $version (once; $time on two cores)"
  trap 'rm -rf "$new"' EXIT
  mkdir -p "$new"
  cd "$module" || exit
  # -mod=readonly keeps a build from changing the pins. GOWORK=off ignores the workspace of a surrounding checkout.
  # shellcheck disable=SC2086
  GOWORK=off GOFLAGS='' CGO_ENABLED=0 with_memory_for_time go build -mod=readonly -buildvcs=false -trimpath \
    -gcflags=all=-dwarf=false -ldflags "$(ldflags_of "$module")" -o "$new/" $packages 9>&- ||
    die "$name did not build"
  # The program has the name of its module.
  [[ ! -x $new/${module##*/} ]] || for name in $links; do ln "$new/${module##*/}" "$new/$name"; done
  mv "$new"/* "$folder"
  say "built it in $((SECONDS - start)) s"
)

# with_memory_for_time COMMAND... runs a command of Go. Its compiler and linker are short, so they collect no garbage before it is
# much: that saves a third of their time.
with_memory_for_time() { GOGC=off GOMEMLIMIT=2GiB "$@"; }

# assets builds what the integration tests run, and prints a folder that has all of it.
assets() {
  local name folder older
  older=$(older_version) || exit
  build_binaries kube-apiserver kube-controller-manager etcd kubectl
  folder=$(built_folder "$HERE/kubernetes")
  if [[ -n $older ]] || has_own_assets; then
    folder="$CACHE/bin/assets-${older:-$(cksum <<<"$KUBEBUILDER_ASSETS" | cut -d ' ' -f 1)}"
    mkdir -p "$folder"
    for name in kube-apiserver kube-controller-manager etcd kubectl; do
      # An existing link is left alone, because another run may be starting its target.
      [[ $(readlink "$folder/$name") == "$(binary_path "$name")" ]] || ln -sfn "$(binary_path "$name")" "$folder/$name"
    done
  fi
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
