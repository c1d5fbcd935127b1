# Everything is built from source by Go modules and pinned: tools in hack/tools, the local cluster in hack/cluster.
# "make" alone lists what there is.

IMG ?= haltline.dev/haltline:dev
# The overlay of config/ that is installed.
OVERLAY ?= default
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)
LDFLAGS ?= -s -w -X main.version=$(VERSION)
# Neither the folder nor the state of the checkout changes the bytes; VERSION names the commit.
BUILD_FLAGS := -trimpath -buildvcs=false

# The oldest and the newest version of Kubernetes that are supported. hack/cluster pins a release of each.
KUBERNETES_VERSIONS ?= 1.34 1.37
# What test-oldest runs of test/integration.
OLDEST := author_policy deletion_policy escalation operator_policy requester restore starter stop template_policy webhook work_policy

# The packages in which several goroutines share something. Only there can the race detector find anything; it makes a test many times slower.
CONCURRENT = $$(grep -rlE '"sync(/atomic)?"|^\s*go [a-z]' --include='*.go' main.go controllers internal | xargs -n1 dirname | sort -u | sed 's|^|./|')
# Tests of one goroutine in these that take long.
SEQUENTIAL := ^(FuzzBuildOfAny|FuzzHandlers|FuzzHistory|FuzzReconcile|FuzzWhyUnfinished|TestACrashAfterEachCall|TestAFinishedExecutionTakesLittleMemory|TestALargePipelineIsCheckedInSlices|TestAnEmptiedStatusGetsVersionsOfItsOwn|TestFence|TestFinishedWorkTakesLittleMemory|TestNoSuchOperation|TestObserve|TestTerminate)$$

FUZZTIME ?= 60s
HISTORIES ?= 20000
# How many injections of each scenario the explorer tries. What it finds of seeded faults, 100 find (docs/testing.md).
INJECTIONS ?= 100
# Of the pairs of injections into small scenarios, it tries one in so many.
ONE_PAIR_IN ?= 250

GO ?= go
# The Go that go.mod names builds everything, also in the modules under hack. The go command fetches it as a module.
# "make GOTOOLCHAIN=local TARGET" uses the Go of this machine instead.
GOTOOLCHAIN := $(shell awk '$$1 == "toolchain" { print $$2 }' go.mod)
export GOTOOLCHAIN

CONTAINER_TOOL ?= docker
CLUSTER := $(CURDIR)/hack/cluster/cluster

BIN := $(CURDIR)/bin
CONTROLLER_GEN := $(BIN)/controller-gen
CRD_REF_DOCS := $(BIN)/crd-ref-docs
GOLANGCI_LINT := $(BIN)/golangci-lint
GOVULNCHECK := $(BIN)/govulncheck
PROMTOOL := $(BIN)/promtool
HELM := $(BIN)/helm
HELM_DOCS := $(BIN)/helm-docs
CYCLONEDX := $(BIN)/cyclonedx-gomod
HUGO := $(BIN)/hugo

# The module of the product is linted and tested apart from these programs, which have modules of their own.
PROGRAMS := cmd/kubectl-haltline hack/bench hack/chart hack/cluster hack/endjob hack/gitops hack/image hack/licenses hack/picture hack/site
MODULES = $(patsubst %/,%,$(dir $(shell git ls-files --cached --others --exclude-standard -- go.mod '*/go.mod')))

# The kubectl of the user's own, or else that of the local cluster.
KUBECTL ?= $(shell command -v kubectl || echo "$$($(CLUSTER) assets)/kubectl")

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

##@ General

.PHONY: help
help: ## List the targets.
	@awk 'BEGIN {FS = ":.*##"; printf "Usage:\n  make \033[36m<target>\033[0m\n"} \
		/^[a-zA-Z0-9_-]+:.*?##/ {printf "  \033[36m%-16s\033[0m %s\n", $$1, $$2} \
		/^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)}' $(MAKEFILE_LIST)

##@ See it work

.PHONY: demo
demo: ## Show the main job on real containers: on a local cluster, or on that of KUBECONFIG where it is set.
	@hack/demo/demo

##@ Development

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate the deep copies of the API.
	$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: $(CONTROLLER_GEN) ## Generate the CRDs and the role of the operator.
	$(CONTROLLER_GEN) crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(CONTROLLER_GEN) rbac:roleName=haltline-manager paths=./controllers/... output:rbac:artifacts:config=config/rbac

.PHONY: gitops
gitops: ## Write the patch of Argo CD's ConfigMap from the scripts in config/gitops.
	$(GO) run -C hack/gitops .

.PHONY: chart
chart: $(HELM_DOCS) ## Write the templates of the Helm chart from config/, and its README from its values.
	$(GO) run -C hack/chart .
	$(HELM_DOCS) --chart-search-root charts --log-level error

.PHONY: gitops-objects
gitops-objects: ## Write the objects anew on which config/gitops is tested: run the operator on a real API server, and bring each state about.
	assets="$$($(CLUSTER) assets)" && \
	KUBEBUILDER_ASSETS="$$assets" $(GO) test ./test/integration -run '^TestTheObjectsOfConfigGitOpsAreReal$$' -count=1 -update-gitops

.PHONY: docs
docs: $(CRD_REF_DOCS) ## Generate the API reference.
	mkdir -p docs
	$(CRD_REF_DOCS) --config=hack/tools/crd-ref-docs.yaml --renderer=markdown --log-level=ERROR \
		--source-path=./api --output-path=docs/api.md

.PHONY: site
site: $(HUGO) ## Build the site from docs/, and check its links and every address of it in the repository: bin/site.
	$(HUGO) --source hack/site --destination $(BIN)/site --cleanDestinationDir --panicOnWarning --noBuildLock
	$(GO) run -C hack/site . -site $(BIN)/site -checkout $(CURDIR) $$(git grep -lF https://haltline.dev/docs/ | sed 's#^#$(CURDIR)/#')

.PHONY: site-serve
site-serve: $(HUGO) ## Serve the site on this machine, and build it again when a page changes.
	$(HUGO) server --source hack/site --noBuildLock

.PHONY: picture
picture: ## Draw the terminal session of the README anew: docs/images/session.svg. It starts a cluster of its own.
	hack/picture/picture

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code.
	$(GOLANGCI_LINT) fmt

.PHONY: tidy
tidy: ## Tidy every module.
	for module in $(MODULES); do echo "go mod tidy: $$module"; $(GO) -C "$$module" mod tidy || exit; done

.PHONY: vet
vet: ## Run go vet.
	$(GO) vet ./...

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Lint the code, the import rules of the architecture and the conventions of the API included.
	$(GOLANGCI_LINT) run ./...
	for module in $(PROGRAMS) test/monitoring; do (cd "$$module" && $(GOLANGCI_LINT) run ./...) || exit; done

.PHONY: lint-chart
lint-chart: $(HELM) ## Lint the Helm chart.
	$(HELM) lint --strict --quiet charts/haltline --set admission=policy
	$(HELM) lint --strict --quiet charts/haltline --set admission=webhook
	$(HELM) lint --strict --quiet charts/haltline --set namespaces={pipelines},replicas=1,metrics.enabled=false
	$(HELM) lint --strict --quiet charts/haltline --set monitoring.enabled=true,ownerReferencesPermissionEnforcement=true

.PHONY: verify
verify: ## Regenerate everything, fail on a difference or an untracked file, then lint. Wants a committed tree.
	hack/verify/verify

.PHONY: vulnerabilities
vulnerabilities: $(GOVULNCHECK) ## Look for published vulnerabilities in what the operator and the kubectl plugin call.
	hack/verify/vulnerabilities $(GOVULNCHECK)

.PHONY: test-unit
test-unit: ## Run the tests beside the code, in under half a minute. They need no cluster and no C compiler.
	$(GO) test -short -skip '^FuzzReconcile$$' ./api/... ./controllers/... ./internal/... ./test/simcluster ./test/histories/...

.PHONY: test
test: ## Run unit and integration tests, on a real API server, with the race detector.
	# What needs no API server works while the integration tests wait. It has the lower priority, so that none of them is late because of it.
	$(MAKE) --no-print-directory -j4 test-integration test-install test-packages test-explorer test-monitoring test-programs

.PHONY: test-packages
test-packages: ## Run the tests beside the code, with the race detector where something is concurrent, and those of random histories: a part of make test.
	concurrent="$$($(GO) list $(CONCURRENT))" && \
	others="$$($(GO) list ./... | grep -vE '/test/(e2e|chaos|memory|explorer$$|helm|install|integration|simcluster/comparison)' | grep -vxF "$$concurrent")" && \
	nice $(GO) test -race -skip '$(SEQUENTIAL)' $$concurrent && \
	nice $(GO) test $$others && \
	nice $(GO) test -run '$(SEQUENTIAL)' ./controllers ./controllers/action/job

.PHONY: test-programs
test-programs: $(HELM) ## Run the tests of the kubectl plugin and of the programs in hack/: a part of make test.
	assets="$$($(CLUSTER) assets)" && export KUBEBUILDER_ASSETS="$$assets" HELM=$(HELM) && \
	for module in $(PROGRAMS); do $(GO) -C "$$module" test ./... || exit; done

.PHONY: test-integration
test-integration: ## Run the tests on a real API server, with the race detector: a part of make test.
	# They wait most of the time, so many run at once.
	assets="$$($(CLUSTER) assets)" && export KUBEBUILDER_ASSETS="$$assets" && \
	$(GO) test -race -timeout 30m -parallel 4 ./test/integration

.PHONY: test-install
test-install: $(HELM) ## Run the tests of what is installed, and compare the simulated cluster with a real one, on a real API server: a part of make test.
	# One package at a time: each starts an API server and Kubernetes' controllers.
	# The operator is a program of its own there, in which the race detector of a test would see nothing.
	assets="$$($(CLUSTER) assets)" && export KUBEBUILDER_ASSETS="$$assets" HELM=$(HELM) && \
	$(GO) test -timeout 30m -p 1 -parallel 4 ./test/install ./test/helm ./test/simcluster/comparison

.PHONY: test-versions
test-versions: ## Run the tests of what is installed and of what is stored on the oldest and on the newest supported version of Kubernetes.
	for version in $(KUBERNETES_VERSIONS); do \
		echo "Kubernetes $$version" && \
		assets="$$(HALTLINE_KUBERNETES=$$version $(CLUSTER) assets)" && \
		KUBEBUILDER_ASSETS="$$assets" $(GO) test -parallel 4 ./test/integration && \
		KUBEBUILDER_ASSETS="$$assets" $(GO) test ./test/install -run Webhook || exit; \
	done

.PHONY: test-oldest
test-oldest: ## Run the tests of admission and of stops on the oldest supported version of Kubernetes.
	tests="$$(sed -n 's/^func \(Test[A-Za-z]*\)(t .*/\1/p' $(patsubst %,test/integration/%_test.go,$(OLDEST)) | paste -s -d '|')" && [[ -n "$$tests" ]] && \
	assets="$$(HALTLINE_KUBERNETES=$(firstword $(KUBERNETES_VERSIONS)) $(CLUSTER) assets)" && export KUBEBUILDER_ASSETS="$$assets" && \
	$(GO) test -parallel 4 ./test/integration -run "^($$tests)\$$" && \
	$(GO) test ./test/install -run Webhook

.PHONY: test-alerts
test-alerts: $(PROMTOOL) ## Show when each alert fires, by promtool, and that it has a runbook: a part of make verify. It needs no cluster.
	# The go command remembers a result as long as the files of the module are the same, and what is tested is outside of it.
	PROMTOOL=$(PROMTOOL) $(GO) -C test/monitoring test -count=1 -skip '^TestThe(Operator|Overlay)' ./...

.PHONY: test-monitoring
test-monitoring: $(PROMTOOL) $(CONTROLLER_GEN) ## Do that, and compare alerts and dashboard with what the operator serves on a real API server: a part of make test.
	assets="$$($(CLUSTER) assets)" && \
	KUBEBUILDER_ASSETS="$$assets" PROMTOOL=$(PROMTOOL) CONTROLLER_GEN=$(CONTROLLER_GEN) $(GO) -C test/monitoring test -count=1 ./...

.PHONY: test-explorer
test-explorer: ## Run the explorer: a part of make test. INJECTIONS (100) is how many it tries of each scenario. Other programs on the machine go first.
	nice $(GO) test -timeout 1h ./test/explorer -most=$(INJECTIONS) -one-pair-in=$(ONE_PAIR_IN)

.PHONY: test-explorer-all
test-explorer-all: ## Run the explorer with every injection; make test tries at most 100 of each scenario.
	$(GO) test -timeout 2h ./test/explorer -most=0 -v -count=1

.PHONY: test-e2e
test-e2e: image ## Run the end-to-end tests on a cluster of their own with a real node. KEEP=1 leaves it up.
	export HALTLINE_CLUSTER="$${HALTLINE_CLUSTER:-haltline-e2e}"; \
	trap '[[ "$${KEEP:-}" == 1 ]] || $(CLUSTER) down' EXIT; \
	$(CLUSTER) up --node=real && \
	$(CLUSTER) load $(BIN)/haltline-image.tar && \
	export KUBECONFIG="$$($(CLUSTER) kubeconfig)" && \
	$(MAKE) --no-print-directory deploy && \
	$(GO) test ./test/e2e/... -v -count=1 -parallel 8 -timeout 30m

.PHONY: test-helm
test-helm: image $(HELM) ## Install, upgrade and uninstall the Helm chart on a cluster of its own with a real node, and try stops with it. KEEP=1 leaves it up.
	export HALTLINE_CLUSTER="$${HALTLINE_CLUSTER:-haltline-helm}"; \
	trap '[[ "$${KEEP:-}" == 1 ]] || $(CLUSTER) down' EXIT; \
	$(CLUSTER) up --node=real && \
	$(CLUSTER) load $(BIN)/haltline-image.tar && \
	KUBECONFIG="$$($(CLUSTER) kubeconfig)" HELM=$(HELM) KUBECTL="$$($(CLUSTER) assets)/kubectl" test/e2e/with-helm

.PHONY: test-chaos
test-chaos: ## Stop executions on a real cluster while it breaks; the audit log is the judge. CHAOS=long for the long run, CHAOS_NODE=simulated without root.
	$(GO) test ./test/chaos -v -count=1 -timeout 40m

.PHONY: test-memory
test-memory: ## Run the operator while a tenant makes everything as large as it can be, and measure its memory. Linux only.
	assets="$$($(CLUSTER) assets)" && \
	KUBEBUILDER_ASSETS="$$assets" $(GO) test ./test/memory -v -count=1 -timeout 15m

.PHONY: bench
bench: ## Measure the operator on a local cluster of its own, and compare with the cluster itself. BENCH has flags of hack/bench. Linux only.
	hack/bench/bench $(BENCH)

.PHONY: bench-small
bench-small: ## Do the same with small numbers. It fails on an error, not on a time.
	hack/bench/bench -out $(BIN)/bench-small -rest 2s -floor 400 -single 8 -storms 50 -amidst 50 -running 50 -finished 200 $(BENCH)

.PHONY: test-explorer-pairs
test-explorer-pairs: ## Run the explorer's small scenarios with every pair of its gravest injections; make test tries one pair in 250.
	$(GO) test ./test/explorer -run '^TestPairs$$' -one-pair-in=1 -v -count=1 -timeout 6h

.PHONY: fuzz
fuzz: ## Fuzz what reads what users wrote, each target for FUZZTIME (60s). Its seeds are part of make test.
	for package in $$($(GO) list ./controllers/... ./internal/...); do \
		for target in $$($(GO) test -list '^Fuzz' "$$package" | grep ^Fuzz || true); do \
			$(GO) test "$$package" -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x -parallel 1 || exit; \
		done; \
	done

.PHONY: histories
histories: ## Draw HISTORIES (20000) random histories of each size and judge them by a model of the contract.
	$(GO) test ./test/histories -run '^TestHistories$$' -v -count=1 -timeout 0 -rapid.checks $(HISTORIES) -rapid.seed 0

.PHONY: mutants
mutants: ## Seed faults, one at a time, and show which test finds each. MUTANTS="[-only=STAGE] [NAME...]" for some of them.
	$(GO) run ./test/mutants $(MUTANTS)

##@ Build

.PHONY: build
build: ## Build the operator: bin/haltline, static.
	CGO_ENABLED=0 $(GO) build $(BUILD_FLAGS) -ldflags '$(LDFLAGS)' -o $(BIN)/haltline .

.PHONY: plugin
plugin: ## Build the kubectl plugin: bin/kubectl-haltline, static.
	CGO_ENABLED=0 $(GO) build -C cmd/kubectl-haltline $(BUILD_FLAGS) -ldflags '$(LDFLAGS)' -o $(BIN)/kubectl-haltline .

.PHONY: run
run: ## Run the operator on this machine against the cluster of the current kubeconfig.
	$(GO) run -ldflags '$(LDFLAGS)' .

.PHONY: notices
notices: ## Collect the licences of all that is linked into the operator: bin/image/NOTICES.
	CGO_ENABLED=0 $(GO) run -C hack/licenses -trimpath . --program $(CURDIR) --output $(BIN)/image/NOTICES

.PHONY: plugin-notices
plugin-notices: ## Collect the licences of all that is linked into the kubectl plugin: bin/kubectl-haltline.NOTICES.
	CGO_ENABLED=0 $(GO) run -C hack/licenses -trimpath . --program $(CURDIR)/cmd/kubectl-haltline --output $(BIN)/kubectl-haltline.NOTICES

.PHONY: image
image: notices ## Pack the operator into an image without Docker: bin/haltline-image.tar.
	CGO_ENABLED=0 GOOS=linux $(GO) build $(BUILD_FLAGS) -ldflags '$(LDFLAGS)' -o $(BIN)/image/haltline .
	CGO_ENABLED=0 $(GO) run -C hack/image -trimpath . --binary $(BIN)/image/haltline --entrypoint /haltline --user 65532:65532 \
		--file $(CURDIR)/LICENSE=/licenses/LICENSE --file $(BIN)/image/NOTICES=/licenses/NOTICES \
		--label org.opencontainers.image.title=Haltline --label "org.opencontainers.image.description=Runs pipelines on Kubernetes and stops them" \
		--label org.opencontainers.image.licenses=Apache-2.0 \
		--label org.opencontainers.image.version=$(VERSION) --label org.opencontainers.image.revision=$(REVISION) \
		--tag $(IMG) --output $(BIN)/haltline-image.tar

.PHONY: install-yaml
install-yaml: ## Write config/default with the image IMG into one file: bin/install.yaml. OVERLAY=webhook writes another overlay of config/.
	mkdir -p $(BIN)
	$(KUBECTL) kustomize config/$(OVERLAY) | sed 's#image: haltline.dev/haltline:dev$$#image: $(IMG)#' >$(BIN)/install.yaml

.PHONY: package-chart
package-chart: $(HELM) ## Pack the Helm chart of a release: VERSION=v1.2.3 gives bin/haltline-1.2.3.tgz, whose operator has the tag v1.2.3.
	hack/release/chart $(HELM) $(VERSION) $(BIN)

.PHONY: sbom
sbom: build plugin $(CYCLONEDX) ## List all that is linked into the operator and into the kubectl plugin, with versions and licences, as CycloneDX: bin/*.cdx.json.
	hack/release/sbom $(CYCLONEDX) $(CURDIR) $(BIN)/haltline $(BIN)/haltline.cdx.json
	hack/release/sbom $(CYCLONEDX) $(CURDIR)/cmd/kubectl-haltline $(BIN)/kubectl-haltline $(BIN)/kubectl-haltline.cdx.json

.PHONY: release-notes
release-notes: ## Print the notes of a release from the changelog: VERSION=v0.1.0, or VERSION=Unreleased.
	@hack/release/notes $(VERSION)

.PHONY: docker-build
docker-build: ## Build the image with Docker, or with CONTAINER_TOOL. GO_IMAGE=golang:VERSION@sha256:… pins its builder.
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) $(if $(GO_IMAGE),--build-arg GO_IMAGE=$(GO_IMAGE)) -t $(IMG) .

.PHONY: reproducible
reproducible: ## Build the binary and the image twice, in other folders and with empty caches, and compare the bytes.
	hack/verify/reproducible

.PHONY: clean
clean: ## Remove what was built in the checkout.
	rm -rf $(BIN)

##@ Local cluster

.PHONY: cluster-up
cluster-up: ## Start the local cluster.
	$(CLUSTER) up

.PHONY: cluster-down
cluster-down: ## Stop the local cluster.
	$(CLUSTER) down

.PHONY: cluster-status
cluster-status: ## Say whether the local cluster runs, and what it has.
	$(CLUSTER) status

##@ Deployment, to the cluster of the current kubeconfig

.PHONY: install
install: ## Install the CRDs.
	$(KUBECTL) apply -k config/crd

.PHONY: deploy
deploy: install-yaml ## Install the CRDs and the operator, with the image IMG. OVERLAY=webhook installs another overlay of config/ than default.
	$(KUBECTL) apply -f $(BIN)/install.yaml

.PHONY: undeploy
undeploy: ## Remove the operator and the CRDs, and with them all pipelines, executions and stop requests.
	$(KUBECTL) delete -k config/$(OVERLAY) --ignore-not-found

# Tools. Each is built once, and again when what pins it or its Go changes. go build leaves an unchanged file alone, hence the touch.

$(CONTROLLER_GEN): go.mod hack/tools/go.mod hack/tools/go.sum
	$(GO) build -C hack/tools -o $@ sigs.k8s.io/controller-tools/cmd/controller-gen
	@touch $@

$(CRD_REF_DOCS): go.mod hack/tools/go.mod hack/tools/go.sum
	$(GO) build -C hack/tools -o $@ github.com/elastic/crd-ref-docs
	@touch $@

# golangci-lint with the linter of Kubernetes API conventions built in.
$(GOLANGCI_LINT): go.mod hack/tools/lint/go.mod hack/tools/lint/go.sum
	$(GO) build -C hack/tools/lint -o $@ sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter
	@touch $@

$(GOVULNCHECK): go.mod hack/tools/vuln/go.mod hack/tools/vuln/go.sum
	$(GO) build -C hack/tools/vuln -o $@ golang.org/x/vuln/cmd/govulncheck
	@touch $@

$(HELM): go.mod hack/tools/helm/go.mod hack/tools/helm/go.sum
	$(GO) build -C hack/tools/helm -o $@ helm.sh/helm/v4/cmd/helm
	@touch $@

$(HELM_DOCS): go.mod hack/tools/helm-docs/go.mod hack/tools/helm-docs/go.sum
	$(GO) build -C hack/tools/helm-docs -o $@ github.com/norwoodj/helm-docs/cmd/helm-docs
	@touch $@

# Of the clouds that promtool could look for targets in, none is built.
$(PROMTOOL): go.mod hack/tools/promtool/go.mod hack/tools/promtool/go.sum
	$(GO) build -C hack/tools/promtool -tags remove_all_sd -o $@ github.com/prometheus/prometheus/cmd/promtool
	@touch $@

# Without cgo and the tags of its extended editions: the site has no SCSS.
$(HUGO): go.mod hack/tools/hugo/go.mod hack/tools/hugo/go.sum
	CGO_ENABLED=0 $(GO) build -C hack/tools/hugo -o $@ github.com/gohugoio/hugo
	@touch $@

$(CYCLONEDX): go.mod hack/tools/sbom/go.mod hack/tools/sbom/go.sum
	$(GO) build -C hack/tools/sbom $(BUILD_FLAGS) -o $@ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	@touch $@
