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

// restarted are the names of the faults of a component's restarts.
func restarted(component string) []string {
	return []string{component + " killed", component + " asked to end"}
}

// fault breaks something until the context ends, and then mends it.
type fault func(ctx context.Context, p *phase) error

// kills kills the operator again and again.
func kills(ctx context.Context, p *phase) error {
	r := choices(p.namespace + " kills")
	for pause(ctx, between(r, 200*time.Millisecond, 2*time.Second)) {
		killOne(ctx, p, r, p.operators[0])
	}
	return nil
}

func killOne(ctx context.Context, p *phase, r *rand.Rand, o *operator) {
	o.kill()
	p.faults.add(operatorKilled)
	pause(ctx, between(r, 0, 500*time.Millisecond))
	o.start()
}

// freezes has two operators without leader election stop in the middle of what they do, and go on later with what they
// knew; or killed.
func freezes(ctx context.Context, p *phase) error {
	r := choices(p.namespace + " freezes")
	for pause(ctx, between(r, 50*time.Millisecond, time.Second)) {
		o := p.operators[r.IntN(len(p.operators))]
		if r.IntN(5) == 0 {
			killOne(ctx, p, r, o)
			continue
		}
		o.freeze()
		p.faults.add(operatorPaused)
		pause(ctx, between(r, 200*time.Millisecond, 4*time.Second))
		o.thaw()
	}
	return nil
}

// nothing happens but what the wire does.
func nothing(ctx context.Context, _ *phase) error {
	<-ctx.Done()
	return nil
}

// restarts ends a component of the control plane again and again, killed or asked to end, and starts it again. Each happens
// once at least, however soon the load is at its end.
func restarts(component string) fault {
	return func(ctx context.Context, p *phase) error {
		r := choices(p.namespace + " " + component)
		for i := range run.restarts {
			if !pause(ctx, between(r, time.Second, max(2*time.Second, run.window/time.Duration(run.restarts)))) && i > 1 {
				break
			}
			if err := p.restart(component, i%2 == 0, between(r, 0, 2*time.Second)); err != nil {
				return err
			}
		}
		return nil
	}
}

func (p *phase) restart(component string, kill bool, away time.Duration) error {
	names := restarted(component)
	end, what := func() error { return p.cluster.tool("stop", component) }, names[1]
	if kill {
		end, what = func() error { return p.cluster.kill(component) }, names[0]
	}
	p.nodeIsStale.Store(true)
	if err := end(); err != nil {
		return err
	}
	p.faults.add(what)
	time.Sleep(away)
	if err := p.cluster.tool("start", component); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.cluster.ready(limited); err != nil {
		return fmt.Errorf("the API server after the restart of %s: %w", component, err)
	}
	return nil
}

// together has several faults at the same time.
func together(faults ...fault) fault {
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
