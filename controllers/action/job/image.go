// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/text"
)

var (
	_ action.Referrer = &Provider{}

	// imageReference is where an image refers to a variable or an output.
	imageReference = regexp.MustCompile(`\$\(([A-Za-z_][A-Za-z0-9_]*)\)`)

	wholeTag = regexp.MustCompile(`^` + reference.TagRegexp.String() + `$`)
)

// maxShownImage bounds how much of an image an error shows, in characters.
const maxShownImage = 200

// imageError is that an image is not valid with the values of what it refers to.
type imageError struct {
	field, image, why string
}

func (e *imageError) Error() string {
	return fmt.Sprintf("%s: Invalid value: %q: %s", e.field, text.Bound(e.image, maxShownImage), e.why)
}

// CheckReferences checks the images of a Job. See action.Referrer.
func (p *Provider) CheckReferences(definition *v1alpha1.Action, values plan.Values) error {
	spec, err := decodeJobSpec(definition)
	if err != nil {
		return err
	}
	return substituteImages(&spec.Template.Spec, values)
}

// imageValues returns the values of variables by their names.
func imageValues(variables []v1alpha1.Variable) plan.Values {
	return func(name string) (*string, bool) {
		i := slices.IndexFunc(variables, func(v v1alpha1.Variable) bool { return v.Name == name })
		if i < 0 {
			return nil, false
		}
		return &variables[i].Value, true
	}
}

// substituteImages replaces each $(NAME) in the image of a container by the value of that name. No other field is changed. If a value is
// not known yet, something valid takes its place. The error names the first field that is not valid; it is an *imageError.
func substituteImages(pod *corev1.PodSpec, values plan.Values) error {
	if values == nil {
		values = imageValues(nil)
	}
	if err := substituteImagesOf("initContainers", pod.InitContainers, values); err != nil {
		return err
	}
	return substituteImagesOf("containers", pod.Containers, values)
}

func substituteImagesOf(field string, containers []corev1.Container, values plan.Values) error {
	for i := range containers {
		image := containers[i].Image
		if !strings.Contains(image, "$") {
			continue
		}
		substituted, why := substituteImage(image, values)
		if why != "" {
			return &imageError{fmt.Sprintf("job.spec.template.spec.%s[%d].image", field, i), image, why}
		}
		containers[i].Image = substituted
	}
	return nil
}

// substituteImage returns an image with the values of what it refers to, or why there is no such image. A value stays in the part of the
// reference in which it was put: one for a tag cannot become a repository.
func substituteImage(image string, values plan.Values) (substituted, why string) {
	if why := whyNoReferences(image, values); why != "" {
		return "", why
	}
	name, tag, digest := splitImage(image)
	name, tag, digest = replaceReferences(name, "x", values), replaceReferences(tag, "x", values), replaceReferences(digest, standInOfDigest(digest), values)
	substituted = name
	if tag != "" || hasTag(image) {
		substituted += ":" + tag
	}
	if strings.Contains(image, "@") {
		substituted += "@" + digest
	}
	_, err := reference.ParseNormalizedNamed(substituted)
	switch {
	case err != nil:
		return "", fmt.Sprintf("with the values of the variables it is %q, which is no image reference; set other values", text.Bound(substituted, maxShownImage))
	case hasTag(image) && !wholeTag.MatchString(tag):
		return "", fmt.Sprintf("with the values of the variables its tag is %q, which is none; set other values", text.Bound(tag, maxShownImage))
	}
	return substituted, ""
}

// whyNoReferences returns what is wrong with the references of an image whatever the values are, or nothing.
func whyNoReferences(image string, values plan.Values) string {
	if strings.Contains(imageReference.ReplaceAllString(image, ""), "$") {
		return "a $ must begin a reference $(NAME) to a variable or an output; no image has another $"
	}
	for _, match := range imageReference.FindAllStringSubmatch(image, -1) {
		if _, known := values(match[1]); !known {
			return fmt.Sprintf("$(%s) is no variable that the pipeline declares and no output, as NAMESPACE_NAME, of an earlier action; declare it", match[1])
		}
	}
	return ""
}

// splitImage returns the parts of an image with references: its name, and its tag and its digest if they are apart from the name.
func splitImage(image string) (name, tag, digest string) {
	name, digest, _ = strings.Cut(image, "@")
	if colon := tagColon(name); colon >= 0 {
		name, tag = name[:colon], name[colon+1:]
	}
	return name, tag, digest
}

func hasTag(image string) bool {
	name, _, _ := strings.Cut(image, "@")
	return tagColon(name) >= 0
}

// tagColon returns where the tag of a name begins, or -1. A colon before a slash begins a port.
func tagColon(name string) int {
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		return colon
	}
	return -1
}

// standInOfDigest returns what can stand for a reference in a digest.
func standInOfDigest(digest string) string {
	hex := strings.Repeat("0", 64)
	if strings.Contains(digest, ":") {
		return hex
	}
	return "sha256:" + hex
}

// replaceReferences replaces the references in a text by their values, and by standIn if a value is not known.
func replaceReferences(part, standIn string, values plan.Values) string {
	return imageReference.ReplaceAllStringFunc(part, func(found string) string {
		if value, _ := values(found[2 : len(found)-1]); value != nil {
			return *value
		}
		return standIn
	})
}
