-- Turns a stop that waits into one that abandons the actions in progress.
-- It creates another StopRequest, which belongs to whom the first one belongs. It has the name that the action abandon of the execution gives.
local reason = "the action escalate of Argo CD"
if actionParams ~= nil and actionParams["reason"] ~= nil and actionParams["reason"] ~= "" then
  reason = actionParams["reason"]
end

local request = {}
request.apiVersion = obj.apiVersion
request.kind = obj.kind
request.metadata = {
  name = "abandon-" .. obj.spec.pipelineExecutionId,
  namespace = obj.metadata.namespace,
  ownerReferences = obj.metadata.ownerReferences,
}
request.spec = {
  pipelineName = obj.spec.pipelineName,
  pipelineExecutionId = obj.spec.pipelineExecutionId,
  abandon = true,
  reason = reason,
}

return {{operation = "create", resource = request}}
