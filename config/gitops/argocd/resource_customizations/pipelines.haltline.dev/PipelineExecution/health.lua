-- The conditions follow kstatus, and status.observedGeneration is the generation that they are about.
-- Ready=True: it Succeeded. Stalled=True: it is Failed, Stopped or Superseded. Else it runs, waits or stops; it is Suspended while it waits
-- for a person: for an approval, or for a transition that somebody disabled.
local suspended = {WaitingForApproval = true, TransitionDisabled = true}
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
    elseif suspended[condition.reason] then
      health.status = "Suspended"
    end
  end
end
return health
