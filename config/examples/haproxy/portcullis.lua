-- Asks Portcullis about a request: `http-request lua.portcullis URL`, URL being that of
-- /.portcullis/verify/forward. Needs HAProxy 2.6 or later.
--
-- If it is allowed, sets the variable `txn.portcullis` to `allowed` and the header fields of the
-- answer. If it is refused, the client gets the answer of Portcullis. In any other case the variable
-- stays unset: HAProxy goes on after an error in an action, so a rule has to check it.

local TIMEOUT = 3000 -- milliseconds

-- Fields of this connection and of the body, and those that the question has itself.
local NOT_SENT = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true,
  ["trailer"] = true, ["transfer-encoding"] = true, ["content-length"] = true, ["expect"] = true,
  ["host"] = true, ["upgrade"] = true, ["x-forwarded-method"] = true, ["x-forwarded-uri"] = true,
}

-- What the portal gets under another name.
local RENAMED = { ["portcullis-cookie"] = "cookie", ["portcullis-authorization"] = "authorization" }

-- The fields of a table as HAProxy has them: lines are counted from 0.
local function each_line(fields, call)
  for name, lines in pairs(fields) do
    local at = 0
    while lines[at] ~= nil do
      call(name:lower(), lines[at])
      at = at + 1
    end
  end
end

local function refuse(txn, answer)
  local reply = txn:reply({ status = answer.status, body = answer.body })
  each_line(answer.headers, function(name, value)
    if not NOT_SENT[name] then
      reply:add_header(name, value)
    end
  end)
  txn:done(reply)
end

local function allow(txn, answer)
  local cookie_is_replaced = false
  each_line(answer.headers, function(name, value)
    if name:sub(1, 11) ~= "portcullis-" then
      return
    end
    name = RENAMED[name] or name
    cookie_is_replaced = cookie_is_replaced or name == "cookie"
    txn.http:req_del_header(name)
    if value ~= "" then
      txn.http:req_add_header(name, value)
    end
  end)
  -- Otherwise the session would reach the portal.
  if cookie_is_replaced then
    txn:set_var("txn.portcullis", "allowed")
  end
end

core.register_action("portcullis", { "http-req" }, function(txn, url)
  local asked = {}
  each_line(txn.http:req_get_headers(), function(name, value)
    if not NOT_SENT[name] then
      asked[name] = asked[name] or {}
      table.insert(asked[name], value)
    elseif name == "upgrade" then
      asked[name] = { value }
    end
  end)
  asked["x-forwarded-method"] = { txn.sf:method() }
  asked["x-forwarded-uri"] = { txn.sf:pathq() }
  local answer = core.httpclient():get({ url = url, headers = asked, timeout = TIMEOUT })
  if not answer or not answer.headers then
    return
  end
  if answer.status == 200 then
    allow(txn, answer)
  elseif answer.headers["portcullis-reason"] then
    refuse(txn, answer)
  end
end, 1)
