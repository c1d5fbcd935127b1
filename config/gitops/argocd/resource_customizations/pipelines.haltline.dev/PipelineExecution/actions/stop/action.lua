-- Stops the execution when its actions in progress have finished; nothing further starts.
-- It creates a StopRequest, which belongs to the execution: Argo CD shows it below the execution, and it is deleted with it.
local reason = "the action stop of Argo CD"
if actionParams ~= nil and actionParams["reason"] ~= nil and actionParams["reason"] ~= "" then
  reason = actionParams["reason"]
end

local request = {}
request.apiVersion = obj.apiVersion
request.kind = "StopRequest"
request.metadata = {
  -- The name makes a second click an error, and not a second request.
  name = "stop-" .. obj.metadata.uid,
  namespace = obj.metadata.namespace,
  ownerReferences = {
    {apiVersion = obj.apiVersion, kind = obj.kind, name = obj.metadata.name, uid = obj.metadata.uid},
  },
}
request.spec = {
  pipelineName = obj.spec.pipelineName,
  pipelineExecutionId = obj.metadata.uid,
  abandon = false,
  reason = reason,
}

return {{operation = "create", resource = request}}
