-- Starts an execution. A variable that is left empty has its default.
local execution = {}
execution.apiVersion = obj.apiVersion
execution.kind = "PipelineExecution"
execution.metadata = {generateName = obj.metadata.name .. "-", namespace = obj.metadata.namespace}
execution.spec = {pipelineName = obj.spec.pipelineName or obj.metadata.name}

local variables = {}
for _, variable in ipairs(obj.spec.variables or {}) do
  if actionParams ~= nil and actionParams[variable.name] ~= nil and actionParams[variable.name] ~= "" then
    table.insert(variables, {name = variable.name, value = actionParams[variable.name]})
  end
end
if #variables > 0 then
  execution.spec.variables = variables
end

return {{operation = "create", resource = execution}}
