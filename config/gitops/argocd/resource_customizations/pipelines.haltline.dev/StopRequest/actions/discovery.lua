local accepted = false
local stopping = false
if obj.status ~= nil then
  stopping = obj.status.state == "Stopping"
  for _, condition in ipairs(obj.status.conditions or {}) do
    if condition.type == "Accepted" and condition.status == "True" then
      accepted = true
    end
  end
end

local actions = {}
actions["escalate"] = {
  ["disabled"] = obj.spec.abandon == true or not (accepted and stopping),
  ["displayName"] = "Do not wait: abandon actions in progress",
  ["iconClass"] = "fa fa-fw fa-ban",
  ["params"] = {{name = "reason"}},
}
return actions
