// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// dashboard is what of a dashboard of Grafana is tested.
type dashboard struct {
	Title, UID string
	Templating struct {
		List []struct{ Name, Query json.RawMessage }
	}
	Panels []panel
}

// panel shows the results of queries. A row is a panel without any.
type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               json.RawMessage
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct {
		Defaults struct{ Unit string }
	}
	Targets []target
}

// target is a query of a panel.
type target struct{ RefID, Expr, LegendFormat string }

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	NewWithT(t).Expect(json.Unmarshal([]byte(readFile(t, component, "dashboard.json")), &d)).To(Succeed())
	NewWithT(t).Expect(d.Panels).NotTo(BeEmpty())
	return d
}

// variables are what Grafana puts in the place of its variables when somebody looks at all of the last hours.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$namespace", ".*")

// query returns the query as Grafana sends it.
func (q target) query() string { return variables.Replace(q.Expr) }

var legendLabel = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// legendLabels returns the labels that the legend shows.
func (q target) legendLabels() []string {
	var found []string
	for _, match := range legendLabel.FindAllStringSubmatch(q.LegendFormat, -1) {
		found = append(found, match[1])
	}
	return found
}

// Each panel reads as what it is, shows a unit, and asks the data source that the reader chose.
func TestEveryPanelIsDescribedAndAsksTheChosenDataSource(t *testing.T) {
	g := NewWithT(t)
	ids := map[int]bool{}
	for _, p := range readDashboard(t).Panels {
		g.Expect(p.Title).NotTo(BeEmpty())
		g.Expect(ids).NotTo(HaveKey(p.ID), "%q has the id of another panel", p.Title)
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		g.Expect(p.Type).To(BeElementOf("stat", "timeseries"), p.Title)
		g.Expect(p.Description).To(HaveSuffix("."), p.Title)
		g.Expect(p.FieldConfig.Defaults.Unit).NotTo(BeEmpty(), p.Title)
		g.Expect(string(p.Datasource)).To(ContainSubstring("${datasource}"), p.Title)
		g.Expect(p.Targets).NotTo(BeEmpty(), p.Title)
		for _, q := range p.Targets {
			g.Expect(q.LegendFormat).NotTo(BeEmpty(), p.Title)
			g.Expect(q.query()).NotTo(ContainSubstring("$"), "%q uses a variable that is not there", p.Title)
			g.Expect(q.Expr).To(ContainSubstring(`namespace=~"$namespace"`), "%q shows other installations as well", p.Title)
		}
	}
}

func TestPanelsDoNotLieOnEachOther(t *testing.T) {
	g := NewWithT(t)
	taken := map[[2]int]string{}
	for _, p := range readDashboard(t).Panels {
		at := p.GridPos
		g.Expect(at.W*at.H).To(BeNumerically(">", 0), p.Title)
		g.Expect(at.X+at.W).To(BeNumerically("<=", 24), "%q is outside of the grid", p.Title)
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				g.Expect(taken).NotTo(HaveKey([2]int{x, y}), "%q lies on %q", p.Title, taken[[2]int{x, y}])
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// The alerts that a description names are there.
func TestThePanelsNameAlertsThatAreThere(t *testing.T) {
	g := NewWithT(t)
	known, named := map[string]bool{}, map[string]bool{}
	for _, alert := range readAlerts(t) {
		known[alert.Alert] = true
	}
	for _, name := range regexp.MustCompile(`Haltline[A-Z]\w+`).FindAll([]byte(readFile(t, component, "dashboard.json")), -1) {
		g.Expect(known).To(HaveKey(string(bytes.TrimSpace(name))))
		named[string(name)] = true
	}
	g.Expect(named).To(HaveLen(len(known)), "an alert has no panel that shows it")
}
