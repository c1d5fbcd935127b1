// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli has what the commands of the plugin share: access to the cluster, how an execution is found, exit codes, and how things are
// printed and completed.
package cli

import (
	"io"
	"os"

	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// Scheme knows the kinds of Kubernetes and of Haltline.
var Scheme = newScheme()

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err) // Two types of one name: a mistake of the build.
		}
	}
	return scheme
}

// Factory gives the commands what they share.
type Factory struct {
	// Flags are those of kubectl that say which cluster, user and namespace.
	Flags *genericclioptions.ConfigFlags
	// IOStreams are what is read and printed. What is printed with colors has none if it does not go to a terminal, or if NO_COLOR is set.
	genericiooptions.IOStreams
	// Terminal reports whether somebody types and reads: In and Out are both a terminal.
	Terminal bool
	// Clock tells the time that ages and limits are counted with.
	Clock clock.Clock
	// Version of the plugin.
	Version string
	// Suffix returns five random letters and digits, as the API server completes a name.
	Suffix func() string
	// NewClient returns a client of the cluster, without a cache.
	NewClient func() (client.WithWatch, error)
	// OpenLog opens the log of a container.
	OpenLog LogOpener
}

// New returns a Factory that reads and prints through the streams, and finds the cluster as kubectl does.
func New(in io.Reader, out, errOut io.Writer, version string) *Factory {
	f := &Factory{
		Flags: genericclioptions.NewConfigFlags(true),
		IOStreams: genericiooptions.IOStreams{
			In:     in,
			Out:    colorprofile.NewWriter(out, os.Environ()),
			ErrOut: colorprofile.NewWriter(errOut, os.Environ()),
		},
		Terminal: isTerminal(in) && isTerminal(out),
		Clock:    clock.RealClock{},
		Version:  version,
		Suffix:   func() string { return utilrand.String(5) },
	}
	f.Flags.WrapConfigFn = f.configure
	f.NewClient = f.newClient
	f.OpenLog = f.openLog
	return f
}

// configure sets what the plugin wants of every connection. It asks for no limit of its own: the priority and fairness of the API server
// protects it, and stopping many executions must not be slow.
func (f *Factory) configure(config *rest.Config) *rest.Config {
	config.QPS = -1
	config.UserAgent = "kubectl-haltline/" + f.Version
	config.WarningHandler = rest.NewWarningWriter(f.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
	return config
}

// RESTConfig returns the access to the cluster, for clients of other kinds than ours.
func (f *Factory) RESTConfig() (*rest.Config, error) {
	return f.Flags.ToRESTConfig()
}

func (f *Factory) newClient() (client.WithWatch, error) {
	config, err := f.RESTConfig()
	if err != nil {
		return nil, err
	}
	return client.NewWithWatch(config, client.Options{Scheme: Scheme, Mapper: newMapper()})
}

// newMapper knows the paths of the kinds that the plugin uses, so that no command has to ask the cluster which there are.
func newMapper() meta.RESTMapper {
	namespaced := map[schema.GroupVersion][]string{
		v1alpha1.GroupVersion:      {"Pipeline", "PipelineExecution", "StopRequest", "ApprovalResult"},
		corev1.SchemeGroupVersion:  {"Pod", "Event"},
		batchv1.SchemeGroupVersion: {"Job"},
		appsv1.SchemeGroupVersion:  {"ControllerRevision"},
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for version, names := range namespaced {
		for _, name := range names {
			mapper.Add(version.WithKind(name), meta.RESTScopeNamespace)
		}
	}
	mapper.Add(authorizationv1.SchemeGroupVersion.WithKind("SelfSubjectAccessReview"), meta.RESTScopeRoot)
	mapper.Add(authenticationv1.SchemeGroupVersion.WithKind("SelfSubjectReview"), meta.RESTScopeRoot)
	return mapper
}

// Namespace returns the namespace that the command line or the kubeconfig names, or else "default".
func (f *Factory) Namespace() (string, error) {
	namespace, _, err := f.Flags.ToRawKubeConfigLoader().Namespace()
	return namespace, err
}

// Connect returns a client of the cluster and the namespace to use.
func (f *Factory) Connect() (client.WithWatch, string, error) {
	c, err := f.NewClient()
	if err != nil {
		return nil, "", err
	}
	namespace, err := f.Namespace()
	return c, namespace, err
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
