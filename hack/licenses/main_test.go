// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeModule writes a module of the given files and returns one of its packages.
func writeModule(t *testing.T, path, folder string, files map[string]string) listed {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := listed{ImportPath: path + "/" + folder, Dir: filepath.Join(root, folder)}
	p.Module = &struct {
		Path, Version, Dir string
		Main               bool
	}{Path: path, Version: "v1.2.3", Dir: root}
	return p
}

func TestLicensesOfAPackageAndOfItsModuleAreCollected(t *testing.T) {
	one := writeModule(t, "example.com/one", "borrowed/deep", map[string]string{
		"LICENSE": "permissive", "NOTICE.txt": "made by one", "borrowed/LICENSE-MIT": "of somebody else", "license.go": "package one", "LICENSE.tmpl": "package one",
	})
	two := writeModule(t, "example.com/two", ".", map[string]string{"COPYING": "permissive\r\n"})
	three := writeModule(t, "example.com/three", ".", map[string]string{"LICENSE.MIT": "do what you like"})
	components, err := collect([]listed{two, one, one, three})
	if err != nil {
		t.Fatal(err)
	}
	file := string(render(components))
	for _, part := range []string{
		"example.com/one v1.2.3, LICENSE\nexample.com/two v1.2.3, COPYING\n\npermissive\n",
		"example.com/three v1.2.3, LICENSE.MIT\n\ndo what you like\n",
		"example.com/one v1.2.3, NOTICE.txt\n\nmade by one\n",
		"example.com/one v1.2.3, borrowed/LICENSE-MIT\n\nof somebody else\n",
	} {
		if !strings.Contains(file, part) {
			t.Errorf("the file lacks\n%s\nIt is\n%s", part, file)
		}
	}
	if strings.Contains(file, "package one") {
		t.Error("source was taken for a license")
	}
}

func TestAModuleWithoutALicenseIsRefused(t *testing.T) {
	p := writeModule(t, "example.com/none", "folder", map[string]string{"NOTICE": "made by somebody", "PATENTS": "granted"})
	if _, err := collect([]listed{p}); err == nil || !strings.Contains(err.Error(), "example.com/none v1.2.3 has no license") {
		t.Errorf("the error is %v", err)
	}
}

func TestTheProgramsOwnModuleIsLeftOut(t *testing.T) {
	p := writeModule(t, "example.com/program", "folder", nil)
	p.Module.Main = true
	components, err := collect([]listed{p})
	if err != nil || len(components) != 0 {
		t.Errorf("there are %v, and the error %v", components, err)
	}
}
