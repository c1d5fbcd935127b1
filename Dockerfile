# The builder runs on the machine's own platform and cross-compiles, which is faster than emulation.
FROM --platform=$BUILDPLATFORM golang:1.26 AS builder
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
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /haltline .

FROM gcr.io/distroless/static:nonroot
COPY --from=builder /haltline /haltline
# By number, so that runAsNonRoot can be checked without looking into the image.
USER 65532:65532
ENTRYPOINT ["/haltline"]
