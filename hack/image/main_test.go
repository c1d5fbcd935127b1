// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// The same input gives the same bytes, with the labels that have a value.
func TestWriteImage(t *testing.T) {
	folder := t.TempDir()
	binary := filepath.Join(folder, "program")
	if err := os.WriteFile(binary, []byte("a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(name string) string {
		output := filepath.Join(folder, name)
		err := writeImage(options{
			binary: binary, entrypoint: "/program", tag: "example.com/program:dev", user: "65532:65532", arch: "amd64", output: output,
			labels: list{"org.opencontainers.image.version=v1", "org.opencontainers.image.revision="},
		})
		if err != nil {
			t.Fatal(err)
		}
		return output
	}
	one, other := write("one.tar"), write("other.tar")
	image, err := tarball.ImageFromPath(one, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"org.opencontainers.image.version": "v1"}; !maps.Equal(config.Config.Labels, want) {
		t.Errorf("the labels are %v, want %v", config.Config.Labels, want)
	}
	if config.Config.User != "65532:65532" || len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/program" {
		t.Errorf("the image runs %v as %q", config.Config.Entrypoint, config.Config.User)
	}
	if !bytes.Equal(readFile(t, one), readFile(t, other)) {
		t.Error("two images of the same input differ")
	}
}

func TestLabelsWithoutAName(t *testing.T) {
	for _, pair := range []string{"version", "=v1", ""} {
		if _, err := parseLabels([]string{pair}); err == nil {
			t.Errorf("%q is taken for a label", pair)
		}
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name) //nolint:gosec // The path is the test's own.
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
