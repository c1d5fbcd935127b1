-- Runs the actions of the failed or stopped stage again that have not succeeded, and the stages after it.
-- It creates another execution. That belongs to nobody: it must outlive the one that it retries.
local status = obj.status or {}
local stageName = nil
for _, stage in ipairs(status.stages or {}) do
  local neverEntered = stage.state == "NotStarted" and status.retryOf ~= nil and obj.spec.retryOf ~= nil and
    obj.spec.retryOf.stageName == stage.name
  if stage.state == "Failed" or stage.state == "Stopped" or neverEntered then
    stageName = stage.name
  end
end
if stageName == nil then
  error("no stage of the execution failed or was stopped; start another execution", 0)
end

local execution = {}
execution.apiVersion = obj.apiVersion
execution.kind = obj.kind
execution.metadata = {generateName = obj.metadata.name .. "-retry-", namespace = obj.metadata.namespace}
execution.spec = {
  pipelineName = obj.spec.pipelineName,
  retryOf = {pipelineExecutionId = obj.metadata.uid, stageName = stageName, retryMode = "FAILED_ACTIONS"},
}

return {{operation = "create", resource = execution}}
