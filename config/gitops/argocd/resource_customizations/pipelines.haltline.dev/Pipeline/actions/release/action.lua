-- Enables the transition into a stage, or into each stage if none is named.
local wanted = ""
if actionParams ~= nil and actionParams["stage"] ~= nil then
  wanted = actionParams["stage"]
end

local found = false
for _, stage in ipairs(obj.spec.stages) do
  if wanted == "" or wanted == stage.name then
    found = true
    stage.transition = nil
  end
end
if not found then
  error("the pipeline has no stage " .. wanted, 0)
end

return obj
