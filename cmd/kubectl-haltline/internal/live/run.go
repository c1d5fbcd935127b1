// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"haltline.dev/haltline/api/v1alpha1"
)

// Follow calls visit whenever the execution has changed, and calls onTrouble when the connection broke, and with nil when it is there again. It
// returns when the execution has ended, or with the error of the context or of the cluster.
type Follow func(ctx context.Context, visit func(*v1alpha1.PipelineExecution), onTrouble func(error)) error

// Terminal is where the view is shown and where keys come from.
type Terminal struct {
	In  io.Reader
	Out io.Writer
	// Now tells the time that durations are counted with.
	Now func() time.Time
}

// Show shows an execution until follow returns, and returns its error, or until somebody leaves: then the error is context.Canceled. The last
// picture stays on the terminal. It also returns the execution as it was last seen.
func Show(ctx context.Context, terminal Terminal, execution *v1alpha1.PipelineExecution, follow Follow) (*v1alpha1.PipelineExecution, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	program := tea.NewProgram(newModel(execution, terminal.Now), tea.WithInput(terminal.In), tea.WithOutput(terminal.Out), tea.WithoutSignalHandler())
	followed := make(chan error, 1)
	go func() {
		err := follow(ctx, func(e *v1alpha1.PipelineExecution) { program.Send(changed{e}) }, func(err error) { program.Send(trouble{err}) })
		followed <- err
		program.Send(done{})
	}()
	last, err := program.Run()
	cancel()
	followErr := <-followed
	if err != nil {
		return execution, fmt.Errorf("drawing on the terminal: %w", err)
	}
	m, isModel := last.(model)
	switch {
	case !isModel:
		return execution, errors.New("drawing on the terminal: unexpected model")
	case m.isLeft:
		return m.execution, context.Canceled
	default:
		return m.execution, followErr
	}
}
