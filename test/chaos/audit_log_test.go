// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"haltline.dev/haltline/test/invariants"
)

// entry is a line of the audit log (audit.k8s.io/v1 Event), with the fields that the checks use.
type entry struct {
	AuditID    string
	Stage      string
	RequestURI string
	Verb       string
	User       struct{ Username string }
	UserAgent  string
	ObjectRef  struct{ Resource, Subresource, Namespace, Name string }
	// ResponseStatus is the code of the answer.
	ResponseStatus           struct{ Code int }
	RequestObject            json.RawMessage
	ResponseObject           json.RawMessage
	RequestReceivedTimestamp time.Time
	StageTimestamp           time.Time
}

// isStored reports whether the API server stored what was sent.
func (e *entry) isStored() bool {
	return e.ResponseStatus.Code/100 == 2 && !e.isDryRun()
}

func (e *entry) isDryRun() bool {
	u, err := url.Parse(e.RequestURI)
	return err == nil && u.Query().Has("dryRun")
}

// isOperators reports whether the operator made the request.
func (e *entry) isOperators() bool {
	return e.User.Username == operatorUser
}

// writer returns who made the request.
func (e *entry) writer() invariants.Writer {
	if e.isOperators() {
		return invariants.WriterOperator
	}
	return invariants.WriterOther
}

// agent returns the program that made the request, without its version.
func (e *entry) agent() string {
	return strings.SplitN(e.UserAgent, "/", 2)[0]
}

func (e *entry) resource() string {
	if e.ObjectRef.Subresource != "" {
		return e.ObjectRef.Resource + "/" + e.ObjectRef.Subresource
	}
	return e.ObjectRef.Resource
}

// auditLog reads the API server's audit log as it grows.
type auditLog struct {
	path   string
	offset int64
	// answered are the requests that were answered, in the order of their answers. unanswered are those that were received
	// and not answered yet, or not before the API server was killed, by their ids.
	answered   []*entry
	unanswered map[string]*entry
	// torn counts the lines that were cut when the API server was killed.
	torn int
}

// read reads the lines that are new.
func (l *auditLog) read() error {
	f, err := os.Open(l.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(l.offset, io.SeekStart); err != nil {
		return err
	}
	if l.unanswered == nil {
		l.unanswered = map[string]*entry{}
	}
	for lines := bufio.NewReaderSize(f, 1<<20); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			// A line without its end is read again when it has one.
			return nil
		}
		if err != nil {
			return err
		}
		l.offset += int64(len(line))
		l.add(line)
	}
}

func (l *auditLog) add(line []byte) {
	e := &entry{}
	if err := json.Unmarshal(bytes.TrimSpace(line), e); err != nil {
		l.torn++
		return
	}
	if e.Stage == "RequestReceived" {
		l.unanswered[e.AuditID] = e
		return
	}
	delete(l.unanswered, e.AuditID)
	l.answered = append(l.answered, e)
}

// answeredIn returns the answered requests about a namespace, in the order of the answers.
func (l *auditLog) answeredIn(namespace string) []*entry {
	var found []*entry
	for _, e := range l.answered {
		if e.ObjectRef.Namespace == namespace {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b *entry) int { return a.StageTimestamp.Compare(b.StageTimestamp) })
	return found
}

// unansweredIn returns the requests about a namespace whose answer nobody knows.
func (l *auditLog) unansweredIn(namespace string) []*entry {
	var found []*entry
	for _, e := range l.unanswered {
		if e.ObjectRef.Namespace == namespace {
			found = append(found, e)
		}
	}
	return found
}
