-- Rejects what waits for approval, which fails the execution.
-- It creates an ApprovalResult, which belongs to the execution: Argo CD shows it below the execution, and it is deleted with it.
local wanted = ""
local summary = "the action reject of Argo CD"
if actionParams ~= nil then
  if actionParams["approval"] ~= nil then
    wanted = actionParams["approval"]
  end
  if actionParams["summary"] ~= nil and actionParams["summary"] ~= "" then
    summary = actionParams["summary"]
  end
end

-- The approval that is wanted, or the only one that waits.
local found = {}
local names = ""
for i, stage in ipairs((obj.status or {}).stages or {}) do
  for j, action in ipairs(stage.actions or {}) do
    if action.state == "InProgress" and action.approval ~= nil and action.approval.result == nil then
      local name = stage.name .. "/" .. action.name
      if names ~= "" then
        names = names .. ", "
      end
      names = names .. name
      if wanted == "" or wanted == name then
        -- A name may have characters that the name of an object must not have; its place in the pipeline has none.
        table.insert(found, {stage = stage.name, action = action, place = i .. "-" .. j})
      end
    end
  end
end
if names == "" then
  error("nothing of the execution waits for approval", 0)
end
if #found ~= 1 then
  error("set the parameter approval to one of those that wait: " .. names, 0)
end

local result = {}
result.apiVersion = obj.apiVersion
result.kind = "ApprovalResult"
result.metadata = {
  -- The name makes a second click an error, and not a second result.
  name = "reject-" .. obj.metadata.uid .. "-" .. found[1].place,
  namespace = obj.metadata.namespace,
  ownerReferences = {
    {apiVersion = obj.apiVersion, kind = obj.kind, name = obj.metadata.name, uid = obj.metadata.uid},
  },
}
result.spec = {
  pipelineName = obj.spec.pipelineName,
  pipelineExecutionId = obj.metadata.uid,
  stageName = found[1].stage,
  actionName = found[1].action.name,
  status = "Rejected",
  summary = summary,
}

return {{operation = "create", resource = result}}
