// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command licenses writes the licenses and notices of all modules that are linked into a Go program, and that of Go, into one
// file. It fails if a module has none. The same modules give the same bytes.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("licenses: ")
	program := flag.String("program", ".", "folder of the main package")
	output := flag.String("output", "", "file to write; without it, the modules are only checked")
	flag.Parse()
	if err := run(*program, *output); err != nil {
		log.Fatal(err)
	}
}

func run(program, output string) error {
	packages, err := listPackages(program)
	if err != nil {
		return err
	}
	components, err := collect(packages)
	if err != nil {
		return err
	}
	if output == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	return os.WriteFile(output, render(components), 0o644)
}

// listed is a package as "go list" describes it.
type listed struct {
	ImportPath, Dir, Root string
	Standard              bool
	Module                *struct {
		Path, Version, Dir string
		Main               bool
	}
}

// listPackages returns all packages that are linked into the program, on Linux and without C.
func listPackages(program string) ([]listed, error) {
	command := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,Root,Standard,Module", ".")
	command.Dir = program
	command.Env = append(os.Environ(), "GOOS=linux", "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	content, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(content)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

// component is a module, or Go, with its texts.
type component struct {
	// name has the version, as in example.com/module v1.2.3.
	name string
	// texts has the content of each license and notice, by its path in the module.
	texts map[string]string
}

// collect returns the components of the packages, except the program's own module, in the order of their names. A package
// may have a license of its own, so each folder from the package up to the root of the module is read.
func collect(packages []listed) ([]component, error) {
	texts := map[string]map[string]string{}
	for _, p := range packages {
		name, root := nameComponent(p)
		if name == "" {
			continue
		}
		if texts[name] == nil {
			texts[name] = map[string]string{}
		}
		for folder := p.Dir; ; folder = filepath.Dir(folder) {
			if err := readTexts(root, folder, texts[name]); err != nil {
				return nil, err
			}
			if folder == root || !strings.HasPrefix(folder, root+string(filepath.Separator)) {
				break
			}
		}
	}
	var components []component
	for name, found := range texts {
		if !hasLicense(found) {
			return nil, fmt.Errorf("%s has no license that could be shipped with the program", name)
		}
		components = append(components, component{name, found})
	}
	slices.SortFunc(components, func(a, b component) int { return strings.Compare(a.name, b.name) })
	return components, nil
}

// nameComponent returns the component of a package and its root folder, or "" if it is the program's own.
func nameComponent(p listed) (name, root string) {
	switch {
	case p.Standard:
		return "Go and its standard library", p.Root
	case p.Module == nil || p.Module.Main:
		return "", ""
	default:
		return p.Module.Path + " " + p.Module.Version, p.Module.Dir
	}
}

// readTexts adds the licenses and notices in a folder.
func readTexts(root, folder string, texts map[string]string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() || !isNotice(entry.Name()) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, filepath.Join(folder, entry.Name()))
		if err != nil {
			return err
		}
		texts[filepath.ToSlash(name)] = string(content)
	}
	return nil
}

// isNotice reports whether a file of this name has a license or a notice that goes with the program.
func isNotice(file string) bool {
	base, extension, _ := strings.Cut(strings.ToUpper(file), ".")
	// Some put the name of the license where an extension is.
	if !slices.Contains([]string{"", "TXT", "MD", "MIT", "BSD", "APACHE"}, extension) {
		return false
	}
	base, _, _ = strings.Cut(base, "-")
	// There are two ways to spell a license.
	return strings.HasPrefix(base, "LICEN") || slices.Contains([]string{"COPYING", "COPYRIGHT", "NOTICE", "PATENTS"}, base)
}

// hasLicense reports whether a license is among the texts. A notice or a grant of patents alone is none.
func hasLicense(texts map[string]string) bool {
	for name := range texts {
		base := strings.ToUpper(filepath.Base(name))
		if strings.HasPrefix(base, "LICEN") || strings.HasPrefix(base, "COPYING") {
			return true
		}
	}
	return false
}

// render returns the file. A text that several components share is written once.
func render(components []component) []byte {
	users := map[string][]string{}
	var order []string
	for _, c := range components {
		names := make([]string, 0, len(c.texts))
		for name := range c.texts {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			text := strings.TrimSpace(strings.ReplaceAll(c.texts[name], "\r\n", "\n"))
			if users[text] == nil {
				order = append(order, text)
			}
			users[text] = append(users[text], c.name+", "+name)
		}
	}
	var file bytes.Buffer
	file.WriteString("What is linked into this program, and its licenses and notices.\n")
	for _, text := range order {
		file.WriteString("\n" + strings.Repeat("=", 78) + "\n")
		file.WriteString(strings.Join(users[text], "\n") + "\n\n" + text + "\n")
	}
	return file.Bytes()
}
