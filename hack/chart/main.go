// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command chart writes the templates of charts/haltline from config/. What kustomize builds is taken as it is; sources.go names what
// is built, places.go where a value of the chart stands in it, and conditions.go which value turns an object on. The tests of this module
// compare what Helm renders with the overlays of config/.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// templatesFolder is where the templates are, from the folder of this module.
const templatesFolder = "../../charts/haltline/templates"

func main() {
	if err := run(templatesFolder); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// run writes the templates, and removes those that nothing is written for any more.
func run(folder string) error {
	objects, err := buildSources()
	if err != nil {
		return err
	}
	templates, err := renderTemplates(objects)
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if _, isWritten := templates[filepath.Base(path)]; !isWritten {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	for name, content := range templates {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}
