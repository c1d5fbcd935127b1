local ready = false
if obj.status ~= nil then
  for _, condition in ipairs(obj.status.conditions or {}) do
    if condition.type == "Ready" and condition.status ~= "False" then
      ready = true
    end
  end
end
local held = false
for _, stage in ipairs(obj.spec.stages) do
  if stage.transition ~= nil and stage.transition.disabled then
    held = true
  end
end
-- Each variable of the pipeline can be set.
local variables = {}
for _, variable in ipairs(obj.spec.variables or {}) do
  table.insert(variables, {name = variable.name})
end

local actions = {}
actions["start"] = {
  ["disabled"] = not ready,
  ["displayName"] = "Start an execution",
  ["iconClass"] = "fa fa-fw fa-play",
}
if #variables > 0 then
  actions["start"]["params"] = variables
end
actions["hold"] = {
  ["displayName"] = "Hold executions before a stage, or before each",
  ["iconClass"] = "fa fa-fw fa-pause-circle",
  ["params"] = {{name = "stage"}, {name = "reason"}},
}
actions["release"] = {
  ["disabled"] = not held,
  ["displayName"] = "Release executions that are held",
  ["iconClass"] = "fa fa-fw fa-play-circle",
  ["params"] = {{name = "stage"}},
}
return actions
