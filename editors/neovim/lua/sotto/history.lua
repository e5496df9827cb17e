--- The conversations that the server kept.
local M = {}

local server = require('sotto.server')

---@param problem string
local function complain(problem)
  vim.notify('Sotto: ' .. problem, vim.log.levels.WARN)
end

---@param info table
---@return string
local function label(info)
  local when = info.updated:sub(1, 16):gsub('T', ' ')
  return ('%s  %s (%d)'):format(when, info.title, info.n_turns)
end

--- Let the user choose one of the open folder.
---@param prompt string
---@param use fun(info: table)
local function choose(prompt, use)
  local kept, problem = server.ask('sotto/conversations')
  if problem then
    return complain(problem)
  elseif #kept == 0 then
    return complain('no conversation of this folder was kept')
  end
  vim.ui.select(kept, { prompt = prompt, format_item = label }, function(info)
    if info then
      use(info)
    end
  end)
end

--- Go on with one of them.
function M.open()
  choose('Conversations (UTC):', function(info)
    local turns, problem = server.ask('sotto/conversation', { conversationId = info.conversation_id })
    if problem then
      return complain(problem)
    end
    require('sotto.chat').restore(info.conversation_id, turns)
  end)
end

--- Delete one of them, once the user has said yes to it.
function M.delete()
  choose('Delete which conversation?', function(info)
    local options = { prompt = ('Delete "%s" for good?'):format(info.title) }
    vim.ui.select({ 'Delete', 'Keep' }, options, function(choice)
      if choice ~= 'Delete' then
        return
      end
      local _, problem = server.ask('sotto/deleteConversations', { conversationId = info.conversation_id })
      if problem then
        return complain(problem)
      end
      require('sotto.chat').forget(info.conversation_id)
    end)
  end)
end

return M
