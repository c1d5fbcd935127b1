// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/text"
)

// The check of Pipelines leaves room for stops: whoever creates many Pipelines, or large ones, sets off many dry runs.
const (
	// maxChecks is how many Pipelines are worked on, and so how many dry runs there are, at the same time.
	maxChecks = 4
	// checksPerSecond and checkBurst bound the dry runs of all Pipelines together.
	checksPerSecond, checkBurst = 50, 100
	// checkSlice is how long one reconciliation asks about one Pipeline, and maxAsked how often. Then others have their turn.
	checkSlice = 5 * time.Second
	maxAsked   = 50
	// continueDelay is when the check of a Pipeline goes on.
	continueDelay = 100 * time.Millisecond
	// defaultReconciliationTime is how long a reconciliation may take if it has no deadline.
	defaultReconciliationTime = time.Minute
)

// newCheckLimiter returns what bounds the dry runs of all Pipelines.
func newCheckLimiter() flowcontrol.RateLimiter {
	return flowcontrol.NewTokenBucketRateLimiter(checksPerSecond, checkBurst)
}

// checkResult is what is known about whether a Pipeline can be run.
type checkResult struct {
	// problem is why it cannot be run, or why that is not known; nil if it can.
	problem *plan.Problem
	// isPending is whether the problem is that it is not known yet.
	isPending bool
	// warnings are the words of the API server about Jobs that it would create nevertheless; empty if there are none.
	warnings string
	// definition is a hash of what can be run; empty if that is not known.
	definition string
	// retryAfter is when something else than a change of the Pipeline can have changed the result; 0 if nothing can.
	retryAfter time.Duration
}

// check returns whether a Pipeline can be run. The API server is asked once about each distinct Job template of a generation,
// and again about one that it refused for a cause that can pass, or could not answer about.
func (r *PipelineReconciler) check(ctx context.Context, pipeline *v1alpha1.Pipeline) (checkResult, error) {
	chosen, err := pipelineByName(ctx, r.Client, pipeline.Namespace, pipeline.EffectiveName())
	if err != nil {
		return checkResult{}, err
	}
	if problem := findNameProblem(pipeline, chosen); problem != nil {
		return checkResult{problem: problem}, nil
	}
	if isKnownValid(pipeline) {
		r.progresses.forget(client.ObjectKeyFromObject(pipeline))
		return checkResult{warnings: knownWarnings(pipeline), definition: pipeline.Status.CheckedDefinition}, nil
	}
	p, now := r.progresses.of(pipeline), r.Clock.Now()
	if last, known := p.lastResult(now); known {
		return last, nil
	}
	// The cache has no stages.
	live, err := getLivePipeline(ctx, r.APIReader, client.ObjectKeyFromObject(pipeline))
	switch {
	case err != nil:
		return checkResult{}, fmt.Errorf("reading the Pipeline: %w", err)
	case live == nil || live.UID != pipeline.UID:
		return checkResult{}, action.Pending(errors.New("the Pipeline is gone"))
	}
	*pipeline = *live
	p = r.progresses.of(pipeline)
	definition := pipeline.Spec.Definition()
	if hash := hashDefinition(definition); hash != "" && hash == pipeline.Status.CheckedDefinition {
		r.progresses.forget(client.ObjectKeyFromObject(pipeline))
		return checkResult{warnings: knownWarnings(pipeline), definition: hash}, nil
	}
	if problem := findPipelineProblem(r.Registry, definition); problem != nil {
		return p.finish(checkResult{problem: problem}, false, now), nil
	}
	return r.tryStarts(ctx, pipeline, p)
}

// isKnownValid reports whether the API server would have taken every Job of this generation.
func isKnownValid(pipeline *v1alpha1.Pipeline) bool {
	known := meta.FindStatusCondition(pipeline.Status.Conditions, v1alpha1.ConditionReady)
	return known != nil && known.ObservedGeneration == pipeline.Generation && known.Reason == v1alpha1.ReasonValid
}

// hashDefinition returns a hash of what a Pipeline runs, or nothing if it cannot be encoded.
func hashDefinition(definition *v1alpha1.PipelineDefinition) string {
	raw, err := json.Marshal(definition)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func knownWarnings(pipeline *v1alpha1.Pipeline) string {
	if c := meta.FindStatusCondition(pipeline.Status.Conditions, v1alpha1.ConditionWarnings); c != nil {
		return c.Message
	}
	return ""
}

// tryStarts asks the API server about the Job templates that it was not asked about, for as long as checkSlice and at most
// maxAsked times. It leaves time to write what is known before the deadline of the reconciliation.
func (r *PipelineReconciler) tryStarts(ctx context.Context, pipeline *v1alpha1.Pipeline, p *checkProgress) (checkResult, error) {
	if result := r.tryClaim(ctx, pipeline, p); result != nil {
		return *result, nil
	}
	templates := listTemplates(&pipeline.Spec)
	slice, asking, cancel := divideTime(ctx)
	defer cancel()
	for last := p.passed + maxAsked; p.passed < len(templates); {
		if p.passed == last {
			return describeCheck(p, len(templates)), nil
		}
		t := templates[p.passed]
		if err := r.Limiter.Wait(slice); err != nil || slice.Err() != nil {
			return describeCheck(p, len(templates)), ctx.Err()
		}
		refusal, err := r.tryStart(asking, pipeline, t, p)
		isPending := action.IsPending(err) || errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
		switch {
		case isPending: // Such as a webhook that is down or slow.
			return p.finish(checkResult{isPending: true, warnings: p.warnings.String(), problem: &plan.Problem{
				Reason: v1alpha1.ReasonCheckPending, Message: text.BoundMessage(fmt.Sprintf("%s.job: Trying again: %v", t.path(), err)),
			}}, true, r.Clock.Now()), nil
		case err != nil:
			return checkResult{}, err
		case refusal.Message != "":
			return p.finish(checkResult{warnings: p.warnings.String(), problem: &plan.Problem{
				Reason: v1alpha1.ReasonInvalidJobTemplate, Message: text.BoundMessage(fmt.Sprintf("%s.%s", t.path(), refusal.Message)),
			}}, refusal.CanPass, r.Clock.Now()), nil
		}
		p.passed++
	}
	return p.finish(checkResult{
		warnings: p.warnings.String(), definition: hashDefinition(pipeline.Spec.Definition()),
	}, false, r.Clock.Now()), nil
}

// tryStart asks the API server about one template, and adds its warnings to the progress.
func (r *PipelineReconciler) tryStart(ctx context.Context, pipeline *v1alpha1.Pipeline, t template, p *checkProgress) (action.Refusal, error) {
	ctx, warnings := action.CollectWarnings(ctx)
	key := plan.ActionKey{Stage: t.stage, Action: t.action.Name}
	refusal, err := r.Registry.TryStart(ctx, action.Trial{
		Namespace: pipeline.Namespace, PipelineName: pipeline.EffectiveName(), Key: key, Definition: t.action,
		Values: plan.NewNames(pipeline.Spec.Definition(), nil).Of(key), Workspace: plan.TrialMount(pipeline.Spec.Workspace, t.action),
	})
	if err == nil {
		p.warnings.add(t, warnings.Texts())
	}
	return refusal, err
}

// divideTime returns the contexts of a slice of a check and of each of its dry runs. Both end before that of the reconciliation, the
// slice after a quarter of its time at the latest.
func divideTime(ctx context.Context) (slice, asking context.Context, cancel context.CancelFunc) {
	left := defaultReconciliationTime
	if deadline, has := ctx.Deadline(); has {
		// The deadline of a context is in real time, whatever the clock of the reconciler is.
		left = deadline.Sub(clock.RealClock{}.Now())
	}
	asking, cancelAsking := context.WithTimeout(ctx, left*3/4)
	slice, cancelSlice := context.WithTimeout(asking, min(checkSlice, left/4))
	return slice, asking, func() { cancelSlice(); cancelAsking() }
}

func describeCheck(p *checkProgress, templates int) checkResult {
	return checkResult{isPending: true, warnings: p.warnings.String(), retryAfter: continueDelay, problem: &plan.Problem{
		Reason: v1alpha1.ReasonCheckPending, Message: fmt.Sprintf(
			"The API server would create the Jobs of %d of %d templates; it is being asked about the others.", p.passed, templates),
	}}
}

// template is what an action of a Pipeline runs.
type template struct {
	stage  string
	action *v1alpha1.Action
}

func (t template) path() string {
	return fmt.Sprintf("spec.stages[%q].actions[%q]", t.stage, t.action.Name)
}

// listTemplates returns what the actions of a Pipeline run, in their order, and of equal ones only the first.
func listTemplates(spec *v1alpha1.PipelineSpec) []template {
	var all []template
	seen := map[[sha256.Size]byte]bool{}
	for i := range spec.Stages {
		for j := range spec.Stages[i].Actions {
			a := &spec.Stages[i].Actions[j]
			if a.Approval != nil {
				continue // It runs nothing.
			}
			if hash := hashTemplate(a); !seen[hash] {
				seen[hash] = true
				all = append(all, template{stage: spec.Stages[i].Name, action: a})
			}
		}
	}
	return all
}

// hashTemplate returns a hash of what an action runs: of all of it except its name, its order, its outputs and what a stop does with it.
func hashTemplate(a *v1alpha1.Action) [sha256.Size]byte {
	what := *a
	what.Name, what.RunOrder, what.OnStop, what.OnAbandon = "", 0, "", ""
	what.Namespace, what.OutputVariables = "", nil
	raw, err := json.Marshal(what)
	if err != nil {
		// It cannot be decoded either, which findDefinitionProblem reports. Nothing has the same hash by chance.
		raw = fmt.Appendf(nil, "%+v", a)
	}
	return sha256.Sum256(raw)
}

// Bounds of the warnings that a status shows.
const (
	maxWarnings      = 5
	maxWarningLength = 300
)

// warningTexts are distinct warnings of the API server about Jobs, each with the first action that it is about.
type warningTexts struct {
	texts []string
	paths []string
	// isCut is whether there are more.
	isCut bool
}

func (w *warningTexts) add(t template, texts []string) {
	for _, warning := range texts {
		warning = text.Bound(warning, maxWarningLength)
		switch {
		case slices.Contains(w.texts, warning):
		case len(w.texts) == maxWarnings:
			w.isCut = true
		default:
			w.texts, w.paths = append(w.texts, warning), append(w.paths, t.path())
		}
	}
}

// String returns the warnings in a line, or nothing if there are none.
func (w *warningTexts) String() string {
	var lines []string
	for i := range w.texts {
		lines = append(lines, fmt.Sprintf("%s.job: %s", w.paths[i], w.texts[i]))
	}
	if w.isCut {
		lines = append(lines, "and more")
	}
	return text.BoundMessage(strings.Join(lines, "; "))
}
