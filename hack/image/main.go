// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command image packs files into a container image, a tar file for "ctr images import" or "docker load". The image holds
// the files that are named, and nothing else. The same input gives the same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

type options struct {
	binary, entrypoint, tag, user, output, arch string
	files, links, env, labels, command          list
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("image: ")
	var opts options
	flag.StringVar(&opts.binary, "binary", "", "static binary, which becomes the entrypoint")
	flag.StringVar(&opts.entrypoint, "entrypoint", "", "where the binary is in the image, such as /haltline")
	flag.StringVar(&opts.tag, "tag", "", "NAME:TAG of the image")
	flag.StringVar(&opts.user, "user", "", "user that the image runs as, such as 65532:65532")
	flag.StringVar(&opts.output, "output", "", "tar file to write")
	flag.StringVar(&opts.arch, "arch", runtime.GOARCH, "architecture of the binary")
	flag.Var(&opts.files, "file", "HOST=IMAGE_PATH[:MODE], another file (may be given several times)")
	flag.Var(&opts.links, "link", "PATH=TARGET, a symbolic link (may be given several times)")
	flag.Var(&opts.env, "env", "NAME=VALUE, an environment variable (may be given several times)")
	flag.Var(&opts.labels, "label", "NAME=VALUE, a label; none is set if the value is empty (may be given several times)")
	flag.Var(&opts.command, "cmd", "a word of the default command (may be given several times)")
	flag.Parse()
	if err := writeImage(opts); err != nil {
		log.Fatal(err)
	}
}

func writeImage(opts options) error {
	if opts.tag == "" || opts.output == "" || flag.NArg() > 0 {
		return errors.New("--tag and --output are needed, and there are no arguments")
	}
	if (opts.binary == "") != (opts.entrypoint == "") {
		return errors.New("--binary and --entrypoint need each other")
	}
	tag, err := name.NewTag(opts.tag)
	if err != nil {
		return err
	}
	if opts.binary != "" {
		opts.files = append(opts.files, opts.binary+"="+opts.entrypoint+":755")
	}
	labels, err := parseLabels(opts.labels)
	if err != nil {
		return err
	}
	content, err := packLayer(opts.files, opts.links)
	if err != nil {
		return err
	}
	image, err := buildImage(opts, labels, content)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(opts.output, tag, image)
}

// parseLabels returns labels of the form NAME=VALUE by their names. What has no value is left out, such as the revision of sources without Git.
func parseLabels(pairs []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, pair := range pairs {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--label %q is not NAME=VALUE", pair)
		}
		if value != "" {
			labels[name] = value
		}
	}
	return labels, nil
}

func buildImage(opts options, labels map[string]string, content []byte) (v1.Image, error) {
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", opts.arch
	file.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	file.Config = v1.Config{User: opts.user, Env: opts.env, Cmd: opts.command, WorkingDir: "/", Labels: labels}
	if opts.entrypoint != "" {
		file.Config.Entrypoint = []string{opts.entrypoint}
	}
	return mutate.ConfigFile(image, file)
}

// packLayer returns the tar file of the only layer. Its entries are in the order of their paths.
func packLayer(files, links []string) ([]byte, error) {
	entries := map[string]entry{}
	for _, file := range files {
		if err := addFile(entries, file); err != nil {
			return nil, err
		}
	}
	for _, link := range links {
		from, target, ok := strings.Cut(link, "=")
		if !ok {
			return nil, fmt.Errorf("--link %s: it has to be PATH=TARGET", link)
		}
		from = cleanPath(from)
		entries[from] = entry{header: tar.Header{Typeflag: tar.TypeSymlink, Name: from, Linkname: target, Mode: 0o777}}
	}
	addFolders(entries)

	var layer bytes.Buffer
	writer := tar.NewWriter(&layer)
	for _, name := range sortedNames(entries) {
		packed := entries[name]
		packed.header.ModTime = time.Unix(0, 0)
		packed.header.Format = tar.FormatPAX
		if err := writer.WriteHeader(&packed.header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(packed.content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return layer.Bytes(), nil
}

type entry struct {
	header  tar.Header
	content []byte
}

func addFile(entries map[string]entry, file string) error {
	host, target, ok := strings.Cut(file, "=")
	if !ok {
		return fmt.Errorf("--file %s: it has to be HOST=IMAGE_PATH[:MODE]", file)
	}
	mode := int64(0o644)
	if to, octal, ok := strings.Cut(target, ":"); ok {
		parsed, err := strconv.ParseInt(octal, 8, 32)
		if err != nil {
			return fmt.Errorf("--file %s: %w", file, err)
		}
		target, mode = to, parsed
	}
	content, err := os.ReadFile(host)
	if err != nil {
		return err
	}
	target = cleanPath(target)
	entries[target] = entry{
		header:  tar.Header{Typeflag: tar.TypeReg, Name: target, Mode: mode, Size: int64(len(content))},
		content: content,
	}
	return nil
}

// addFolders adds the folders of all files and links, and a /tmp that everybody may write to.
func addFolders(entries map[string]entry) {
	folders := map[string]int64{"tmp": 0o1777}
	for name := range entries {
		for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
			if _, ok := folders[folder]; !ok {
				folders[folder] = 0o755
			}
		}
	}
	for folder, mode := range folders {
		entries[folder] = entry{header: tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: mode}}
	}
}

// sortedNames returns the paths in an order that has a folder before its content.
func sortedNames(entries map[string]entry) []string {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// cleanPath returns a path relative to the root of the image.
func cleanPath(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
