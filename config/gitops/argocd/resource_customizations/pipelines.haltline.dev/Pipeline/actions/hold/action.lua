-- Disables the transition into a stage, or into each stage if none is named. Executions that are in the stage go on.
local wanted = ""
local reason = "the action hold of Argo CD"
if actionParams ~= nil then
  if actionParams["stage"] ~= nil then
    wanted = actionParams["stage"]
  end
  if actionParams["reason"] ~= nil and actionParams["reason"] ~= "" then
    reason = actionParams["reason"]
  end
end

local found = false
for _, stage in ipairs(obj.spec.stages) do
  if wanted == "" or wanted == stage.name then
    found = true
    if stage.transition == nil or not stage.transition.disabled then
      stage.transition = {disabled = true, reason = reason}
    end
  end
end
if not found then
  error("the pipeline has no stage " .. wanted, 0)
end

return obj
