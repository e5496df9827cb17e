---@brief
---
--- Sotto: inline completion from a local code model. `vim.lsp.enable('sotto')` starts it.
--- Anything here can be overridden: `vim.lsp.config('sotto', { cmd = { '/path/to/sotto', 'serve' } })`.
--- See |sotto.txt|.

---@type vim.lsp.Config
return {
  cmd = { 'sotto', 'serve' },
  -- The server's packages must not be shadowed by a project's own; an empty value means unset.
  cmd_env = { PYTHONPATH = '' },
  -- No `filetypes`: every file that has a filetype, save those that `exclude` names.
  root_dir = function(bufnr, on_dir)
    local config = require('sotto.config')
    if config.wants(bufnr) then
      on_dir(vim.fs.root(bufnr, config.root_markers))
    end
  end,
  -- One process per Neovim, whatever the number of projects: it holds a model in memory.
  reuse_client = function(client, config)
    return client.name == config.name and not client:is_stopped()
  end,
  handlers = {
    -- The pieces of a chat's answer come here too, and are nobody else's business.
    ['$/progress'] = function(problem, params, context)
      if not require('sotto.conversation').hear(params) then
        return vim.lsp.handlers['$/progress'](problem, params, context)
      end
    end,
    ['sotto/status'] = function(_, status)
      require('sotto.state').hear(status)
    end,
  },
  -- The plugin asks for the instruction of a rewrite.
  capabilities = { experimental = { sotto = { instructions = true } } },
  -- The settings travel with `initialize`, so that the right model is loaded from the start.
  before_init = function(params, config)
    params.initializationOptions = vim.tbl_get(config, 'settings', 'sotto')
  end,
  settings = { sotto = vim.empty_dict() },
}
