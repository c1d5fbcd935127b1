# The version is that of the line "toolchain" in go.mod; make verify compares them. A tag can be moved, so a release gives
# the digest as well: --build-arg GO_IMAGE=golang:VERSION@sha256:DIGEST, with the digest that the registry shows for the tag.
ARG GO_IMAGE=golang:1.27.3

# The builder runs on the machine's own platform and cross-compiles, which is faster than emulation.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS builder
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev

WORKDIR /src

# Dependencies first: this layer is rebuilt only when they change.
COPY go.mod go.sum ./
RUN go mod download

# .dockerignore is an allow-list of what the binary is made of.
COPY . .
RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /haltline . && \
    go run -C hack/licenses . --program /src --output /licenses/NOTICES && \
    cp LICENSE /licenses/LICENSE

# There is no base image. The binary is static and needs no file of a system, not even certificates: it talks to the API
# server only, whose certificate authority is mounted with the token of the service account.
FROM scratch
# As "make image" sets them.
ARG VERSION=dev
ARG REVISION
LABEL org.opencontainers.image.title=Haltline \
      org.opencontainers.image.description="Runs pipelines on Kubernetes and stops them" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION}
COPY --from=builder /haltline /haltline
COPY --from=builder /licenses /licenses
# By number, so that runAsNonRoot can be checked without looking into the image.
USER 65532:65532
ENTRYPOINT ["/haltline"]
