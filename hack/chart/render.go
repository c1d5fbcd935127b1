// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

const header = "{{- /* Written by hack/chart from config/: change that, and run \"make chart\". */ -}}\n"

// renderTemplates returns the templates of objects by the names of their files: one for each kind.
func renderTemplates(objects []*yaml.RNode) (map[string]string, error) {
	if err := checkTables(objects); err != nil {
		return nil, err
	}
	templates := map[string]string{}
	for _, object := range objects {
		text, err := renderObject(object)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		file := strings.ToLower(object.GetKind()) + ".yaml"
		if templates[file] == "" {
			templates[file] = header
		}
		templates[file] += text
	}
	return templates, nil
}

// checkTables returns an error if a place or a condition is about no object: what it was about has another name now.
func checkTables(objects []*yaml.RNode) error {
	isThere := func(kind, name string) bool {
		return slices.ContainsFunc(objects, func(object *yaml.RNode) bool { return isAbout(kind, name, object) })
	}
	for _, p := range places {
		if !isThere(p.kind, p.name) {
			return fmt.Errorf("a place is in %s %s, which is not there", p.kind, p.name)
		}
	}
	for _, c := range conditions {
		if !isThere(c.kind, c.name) {
			return fmt.Errorf("a condition is about %s %s, which is not there", c.kind, c.name)
		}
	}
	return nil
}

func isAbout(kind, name string, object *yaml.RNode) bool {
	return kind == object.GetKind() && (name == "" || name == object.GetName())
}

// renderObject returns the template of an object, as a document.
func renderObject(object *yaml.RNode) (string, error) {
	if _, err := object.Pipe(yaml.LookupCreate(yaml.MappingNode, "metadata", "labels")); err != nil {
		return "", err
	}
	var texts []string
	for _, p := range append(slices.Clone(places), helmLabels) {
		if p.kind != "" && !isAbout(p.kind, p.name, object) {
			continue
		}
		text, err := mark(object, p, len(texts))
		if err != nil {
			return "", fmt.Errorf("%v: %w", p.path, err)
		}
		texts = append(texts, text)
	}
	content, err := object.String()
	if err != nil {
		return "", err
	}
	document, err := fillIn(escape(content), texts)
	if err != nil {
		return "", err
	}
	begin := conditionOf(object)
	if begin == "" {
		return "---\n" + document, nil
	}
	return "{{- " + begin + " }}\n---\n" + document + "{{- end }}\n", nil
}

// mark writes a mark into the object where a place is, and returns the text that takes its place.
func mark(object *yaml.RNode, p place, index int) (string, error) {
	parent, field := p.path[:len(p.path)-1], p.path[len(p.path)-1]
	node, err := object.Pipe(yaml.Lookup(parent...))
	if err != nil {
		return "", err
	}
	if node == nil {
		return "", fmt.Errorf("%v is not there", parent)
	}
	value := yaml.NewStringRNode(markWord + strconv.Itoa(index))
	if p.isNew {
		return p.text, add(node, field, value)
	}
	found, err := find(node, field)
	if err != nil {
		return "", err
	}
	text, err := originalText(found, field)
	if err != nil {
		return "", err
	}
	found.SetYNode(value.YNode())
	return strings.ReplaceAll(p.text, original, escape(text)), nil
}

// add adds a field or an element that must not be there.
func add(node *yaml.RNode, field string, value *yaml.RNode) error {
	if field == last {
		return node.PipeE(yaml.Append(value.YNode()))
	}
	if there := node.Field(field); there != nil {
		return fmt.Errorf("%s is there already", field)
	}
	return node.PipeE(yaml.SetField(field, value))
}

// find returns a field or an element, which must be there.
func find(node *yaml.RNode, field string) (*yaml.RNode, error) {
	if field == last {
		elements, err := node.Elements()
		if err != nil {
			return nil, err
		}
		if len(elements) == 0 {
			return nil, fmt.Errorf("the list is empty")
		}
		return elements[len(elements)-1], nil
	}
	found, err := node.Pipe(yaml.Lookup(field))
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("%s is not there", field)
	}
	return found, nil
}

// originalText returns what kustomize built, with the name of its field or the dash of its element.
func originalText(node *yaml.RNode, field string) (string, error) {
	isElement := field == first || field == last || yaml.IsListIndex(field)
	around := yaml.NewListRNode()
	if isElement {
		around.YNode().Content = []*yaml.Node{node.YNode()}
	} else {
		around = yaml.NewMapRNode(nil)
		around.YNode().Content = []*yaml.Node{yaml.NewStringRNode(field).YNode(), node.YNode()}
	}
	text, err := around.String()
	return strings.TrimSuffix(text, "\n"), err
}

var operatorNamespace = regexp.MustCompile(`(?m)namespace: haltline-system$`)

// escape returns a text as a template that prints it, with the namespace of the release.
func escape(text string) string {
	text = strings.ReplaceAll(text, "{{", `{{ "{{" }}`)
	text = operatorNamespace.ReplaceAllLiteralString(text, `namespace: {{ $.Release.Namespace | quote }}`)
	return strings.ReplaceAll(text, "haltline-system", `{{ $.Release.Namespace }}`)
}

// markWord begins the mark of a place.
const markWord = "HALTLINE-PLACE-"

// markLine has the indentation, the dash of an element, the name of a field, and the index of a text.
var markLine = regexp.MustCompile(`^( *)(- )?([^ ].*: )?` + markWord + `(\d+)$`)

// fillIn puts each text where its mark is, with the indentation of the mark. A text may hold marks as well.
func fillIn(document string, texts []string) (string, error) {
	filled := 0
	for strings.Contains(document, markWord) {
		before := filled
		var lines strings.Builder
		for line := range strings.Lines(document) {
			match := markLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if match == nil {
				lines.WriteString(line)
				continue
			}
			if match[2] != "" && match[3] != "" {
				return "", fmt.Errorf("a place is the first field of an element: %s", strings.TrimSpace(line))
			}
			index, err := strconv.Atoi(match[4])
			if err != nil {
				return "", err
			}
			lines.WriteString(indent(texts[index], match[1]))
			filled++
		}
		if document = lines.String(); filled == before {
			break
		}
	}
	if filled != len(texts) {
		return "", fmt.Errorf("%d of %d places were filled", filled, len(texts))
	}
	return document, nil
}

// indent returns a text with an indentation before each line.
func indent(text, indentation string) string {
	var lines strings.Builder
	for _, line := range strings.Split(text, "\n") {
		depth := len(indentation)
		if !strings.HasPrefix(line, "{{-") {
			depth += 2
		}
		line = strings.ReplaceAll(line, inner, strconv.Itoa(depth))
		lines.WriteString(indentation + line + "\n")
	}
	return lines.String()
}
