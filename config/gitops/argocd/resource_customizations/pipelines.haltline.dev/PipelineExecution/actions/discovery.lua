local status = obj.status or {}
local state = status.state
local stop = status.stop
local ended = state == "Succeeded" or state == "Failed" or state == "Stopped" or state == "Superseded"

-- What waits for a person. Who started the execution must not approve if forbidStarter is set. Argo CD answers under its own account, so
-- nobody could tell who that is.
local waiting = 0
local approvable = 0
-- The stage that a retry runs again, and whether an action of it has not succeeded.
local retryable = false
local unfinished = false
for _, stage in ipairs(status.stages or {}) do
  local neverEntered = stage.state == "NotStarted" and status.retryOf ~= nil and obj.spec.retryOf ~= nil and
    obj.spec.retryOf.stageName == stage.name
  local again = stage.state == "Failed" or stage.state == "Stopped" or neverEntered
  if again then
    retryable = true
  end
  for _, action in ipairs(stage.actions or {}) do
    if again and action.state ~= "Succeeded" then
      unfinished = true
    end
    if action.state == "InProgress" and action.approval ~= nil and action.approval.result == nil then
      waiting = waiting + 1
      if not action.approval.forbidStarter then
        approvable = approvable + 1
      end
    end
  end
end
retryable = retryable and (state == "Failed" or state == "Stopped") and status.retriedBy == nil

-- Which approval is meant has to be said if several wait.
local function answerParams()
  if waiting > 1 then
    return {{name = "approval"}, {name = "summary"}}
  end
  return {{name = "summary"}}
end

local actions = {}
actions["stop"] = {
  ["disabled"] = ended or stop ~= nil,
  ["displayName"] = "Stop, and let actions in progress finish",
  ["iconClass"] = "fa fa-fw fa-stop-circle",
  ["params"] = {{name = "reason"}},
}
actions["abandon"] = {
  ["disabled"] = ended or (stop ~= nil and stop.mode == "Abandon"),
  ["displayName"] = "Stop, and abandon actions in progress",
  ["iconClass"] = "fa fa-fw fa-ban",
  ["params"] = {{name = "reason"}},
}
actions["retry"] = {
  ["disabled"] = not (retryable and unfinished),
  ["displayName"] = "Retry the failed actions of the stage",
  ["iconClass"] = "fa fa-fw fa-redo",
}
actions["retry-all"] = {
  ["disabled"] = not retryable,
  ["displayName"] = "Retry all actions of the stage",
  ["iconClass"] = "fa fa-fw fa-redo",
}
actions["approve"] = {
  ["disabled"] = approvable == 0,
  ["displayName"] = "Approve",
  ["iconClass"] = "fa fa-fw fa-check",
  ["params"] = answerParams(),
}
actions["reject"] = {
  ["disabled"] = waiting == 0,
  ["displayName"] = "Reject",
  ["iconClass"] = "fa fa-fw fa-times",
  ["params"] = answerParams(),
}
return actions
