-- The conditions follow kstatus, and status.observedGeneration is the generation that they are about.
-- Ready=True: it can be run. Stalled=True: something must be changed. Else its check goes on.
local health = {status = "Progressing", message = "The operator has not looked at it yet."}
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Stalled" and condition.status == "True" then
    return {status = "Degraded", message = condition.message}
  end
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    end
  end
end
return health
