// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// Names of faults.
const (
	operatorKilled = "operator killed"
	operatorPaused = "operator paused"
)

// restartNames returns the names of the faults that a restart of a component is.
func restartNames(component string) []string {
	return []string{component + " killed", component + " asked to end"}
}

// fault breaks something until the context ends, and then repairs it.
type fault func(ctx context.Context, p *phase) error

// killOperators kills the operator again and again.
func killOperators(ctx context.Context, p *phase) error {
	r := newRandom(p.namespace + " kills")
	for pause(ctx, randomDuration(r, 200*time.Millisecond, 2*time.Second)) {
		killOne(ctx, p, r, p.operators[0])
	}
	return nil
}

// killOne kills an operator and starts it again.
func killOne(ctx context.Context, p *phase, r *rand.Rand, o *operator) {
	o.kill()
	p.faults.add(operatorKilled)
	pause(ctx, randomDuration(r, 0, 500*time.Millisecond))
	o.start()
}

// pauseOperators pauses one of several operators without leader election in the middle of what it does, and resumes it later with
// what it knew; or kills it.
func pauseOperators(ctx context.Context, p *phase) error {
	r := newRandom(p.namespace + " freezes")
	for pause(ctx, randomDuration(r, 50*time.Millisecond, time.Second)) {
		o := p.operators[r.IntN(len(p.operators))]
		if r.IntN(5) == 0 {
			killOne(ctx, p, r, o)
			continue
		}
		o.pauseProcess()
		p.faults.add(operatorPaused)
		pause(ctx, randomDuration(r, 200*time.Millisecond, 4*time.Second))
		o.resumeProcess()
	}
	return nil
}

// waitForEnd breaks nothing. The network does.
func waitForEnd(ctx context.Context, _ *phase) error {
	<-ctx.Done()
	return nil
}

// restartComponent kills a component of the control plane or asks it to end, and starts it again, again and again. Each happens at
// least once, however soon the load is at its end.
func restartComponent(component string) fault {
	return func(ctx context.Context, p *phase) error {
		r := newRandom(p.namespace + " " + component)
		for i := range run.restarts {
			if !pause(ctx, randomDuration(r, time.Second, max(2*time.Second, run.window/time.Duration(run.restarts)))) && i > 1 {
				break
			}
			if err := p.restart(component, i%2 == 0, randomDuration(r, 0, 2*time.Second)); err != nil {
				return err
			}
		}
		return nil
	}
}

func (p *phase) restart(component string, kill bool, away time.Duration) error {
	names := restartNames(component)
	end, what := func() error { return p.cluster.runTool("stop", component) }, names[1]
	if kill {
		end, what = func() error { return p.cluster.kill(component) }, names[0]
	}
	p.nodeIsStale.Store(true)
	if err := end(); err != nil {
		return err
	}
	p.faults.add(what)
	time.Sleep(away)
	if err := p.cluster.runTool("start", component); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.cluster.waitUntilReady(limited); err != nil {
		return fmt.Errorf("the API server after the restart of %s: %w", component, err)
	}
	return nil
}

// combineFaults breaks several things at the same time.
func combineFaults(faults ...fault) fault {
	return func(ctx context.Context, p *phase) error {
		ended := make(chan error, len(faults))
		for _, f := range faults {
			go func() { ended <- f(ctx, p) }()
		}
		var errs []error
		for range faults {
			errs = append(errs, <-ended)
		}
		return errors.Join(errs...)
	}
}
