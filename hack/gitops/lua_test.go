// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

// scriptTimeout is how long Argo CD lets a script run.
const scriptTimeout = time.Second

// runScript runs a script as Argo CD does, and decodes the table that it returns: with the object as obj, the parameters of an action as
// actionParams, and no library but the base and the one for tables. Argo CD has a part of the one for the operating system as well, which
// no script of ours needs. Versions of Argo CD without parameters leave actionParams out, as nil parameters do here.
func runScript(script string, object *unstructured.Unstructured, parameters map[string]string, result any) error {
	ctx, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	state.SetContext(ctx)
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return err
		}
	}
	state.SetGlobal("obj", toLua(state, object.Object))
	if parameters != nil {
		table := state.NewTable()
		for name, value := range parameters {
			table.RawSetString(name, lua.LString(value))
		}
		state.SetGlobal("actionParams", table)
	}
	if err := state.DoString(script); err != nil {
		return err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return fmt.Errorf("the script returns a %s, not a table", state.Get(-1).Type())
	}
	content, err := luajson.Encode(table)
	if err != nil {
		return err
	}
	return json.Unmarshal(content, result)
}

// toLua returns a value of an object for a script.
func toLua(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, field := range v {
			table.RawSetString(key, toLua(state, field))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range v {
			table.Append(toLua(state, item))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	default:
		return lua.LNil
	}
}
