// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command image packs files into a container image, a tar file for "ctr images import" or "docker load". There is
// nothing in the image but what is named. The same input gives the same bytes.
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

// list is a flag that may be given many times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

type options struct {
	binary, entrypoint, tag, user, output, arch string
	files, links, env, command                  list
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("image: ")
	var o options
	flag.StringVar(&o.binary, "binary", "", "static binary, which becomes the entrypoint")
	flag.StringVar(&o.entrypoint, "entrypoint", "", "where the binary is in the image, such as /haltline")
	flag.StringVar(&o.tag, "tag", "", "NAME:TAG of the image")
	flag.StringVar(&o.user, "user", "", "user that the image runs as, such as 65532:65532")
	flag.StringVar(&o.output, "output", "", "tar file to write")
	flag.StringVar(&o.arch, "arch", runtime.GOARCH, "architecture of the binary")
	flag.Var(&o.files, "file", "HOST=IMAGE_PATH[:MODE], a further file (many times)")
	flag.Var(&o.links, "link", "PATH=TARGET, a symbolic link (many times)")
	flag.Var(&o.env, "env", "NAME=VALUE, an environment variable (many times)")
	flag.Var(&o.command, "cmd", "a word of the default command (many times)")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal(err)
	}
}

func run(o options) error {
	if o.tag == "" || o.output == "" || flag.NArg() > 0 {
		return errors.New("--tag and --output are needed, and nothing beside flags")
	}
	if (o.binary == "") != (o.entrypoint == "") {
		return errors.New("--binary and --entrypoint go together")
	}
	tag, err := name.NewTag(o.tag)
	if err != nil {
		return err
	}
	if o.binary != "" {
		o.files = append(o.files, o.binary+"="+o.entrypoint+":755")
	}
	content, err := pack(o.files, o.links)
	if err != nil {
		return err
	}
	image, err := build(o, content)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(o.output, tag, image)
}

func build(o options, content []byte) (v1.Image, error) {
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
	file.OS, file.Architecture = "linux", o.arch
	file.Created = v1.Time{Time: time.Unix(0, 0).UTC()}
	file.Config = v1.Config{User: o.user, Env: o.env, Cmd: o.command, WorkingDir: "/"}
	if o.entrypoint != "" {
		file.Config.Entrypoint = []string{o.entrypoint}
	}
	return mutate.ConfigFile(image, file)
}

// pack makes the one layer: folders first, then files and links, all in the order of their paths.
func pack(files, links []string) ([]byte, error) {
	entries := map[string]entry{}
	for _, file := range files {
		if err := addFile(entries, file); err != nil {
			return nil, err
		}
	}
	for _, link := range links {
		from, target, ok := strings.Cut(link, "=")
		if !ok {
			return nil, fmt.Errorf("--link %s: wanted PATH=TARGET", link)
		}
		from = clean(from)
		entries[from] = entry{header: tar.Header{Typeflag: tar.TypeSymlink, Name: from, Linkname: target, Mode: 0o777}}
	}
	addFolders(entries)

	var layer bytes.Buffer
	writer := tar.NewWriter(&layer)
	for _, name := range sorted(entries) {
		e := entries[name]
		e.header.ModTime = time.Unix(0, 0)
		e.header.Format = tar.FormatPAX
		if err := writer.WriteHeader(&e.header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(e.content); err != nil {
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
		return fmt.Errorf("--file %s: wanted HOST=IMAGE_PATH[:MODE]", file)
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
	target = clean(target)
	entries[target] = entry{
		header:  tar.Header{Typeflag: tar.TypeReg, Name: target, Mode: mode, Size: int64(len(content))},
		content: content,
	}
	return nil
}

// addFolders adds what the files and links are in, and a /tmp that anyone may write.
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

// sorted puts a folder before what is in it.
func sorted(entries map[string]entry) []string {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
