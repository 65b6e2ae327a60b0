-- Asks the mtxpilot agent over HTTP which server has a stream, where SPOE cannot be used. For HAProxy 2.6 to 3.4.
--
--   global
--       lua-load-per-thread mtxpilot.lua
--   .if version_atleast(2.9)
--       httpclient.retries 0
--       httpclient.timeout.connect 100ms
--   .endif
--   backend mtx
--       http-request lua.mtxpilot if master agent_up
--
-- It reads txn.stream and txn.session, and sets what SPOE would set:
--   txn.mtx.state    located, placed or unknown; not set when no agent answered in time
--   txn.mtx.server   the server's name; not set when the state is unknown or no agent answered
--   txn.mtx.elsewhere  1 where the stream is placed and another server may be tried if that one cannot start it; else not set
--   txn.mtx.error    only when no agent answered: 504 time-out, 503 no connection, another HTTP status, or 0 for anything else
--
-- Environment: MTX_AGENT_HTTP (default 127.0.0.1:9101) and MTX_AGENT2_HTTP (a second agent, if any), each address:port or a URL.
-- MTX_DEADLINE (default 100ms): how long a request may wait for an answer, all agents together.
-- Addresses are numeric; a name would need a `resolvers default` section, and to be one of the agent's http.hosts (else error 421).

-- MTX_DEADLINE is written as in spoe.cfg: 100ms, 2s.
local function milliseconds(text)
    local number, unit = text:match("^(%d+)(%a*)$")
    local factor = ({ [""] = 1, ms = 1, s = 1000 })[unit]
    if not factor then
        error("MTX_DEADLINE is '" .. text .. "'; allowed are times like 100ms or 2s")
    end
    return tonumber(number) * factor
end

local deadline_ms = milliseconds(os.getenv("MTX_DEADLINE") or "100ms")
-- No stream's name is longer, and of a session this much tells viewers apart.
local longest_stream = 200
local longest_session = 512
-- An agent that answered so lately is alive: see ask_guarded.
local fresh_ms = 20
-- An agent that did not answer so lately is not asked for the sake of one that does.
local away_ms = 2000
local most_unfinished = 200

local function route_url(agent)
    if not agent:find("://", 1, true) then
        agent = "http://" .. agent
    end
    return (agent:gsub("/+$", "")) .. "/v1/route?stream="
end

local agents = { route_url(os.getenv("MTX_AGENT_HTTP") or "127.0.0.1:9101") }
local second = os.getenv("MTX_AGENT2_HTTP")
if second and second ~= "" then
    agents[2] = route_url(second)
end

-- Every thread runs a copy of this script, so these are the thread's own.
local preferred = 1
local answered_at_ms = -math.huge
local failed_at_ms = {}
local unfinished = 0

local function now_ms()
    local now = core.now()
    return now.sec * 1000 + now.usec / 1000
end

local function escape(text)
    return (text:gsub("[^%w/_.~-]", function(char)
        return string.format("%%%02X", char:byte())
    end))
end

-- Returns { state, server, elsewhere, stopping }, or nil and the error. The connection is kept and shared by HAProxy's HTTP client.
local function ask(url, timeout_ms)
    local response = core.httpclient():get({ url = url, timeout = timeout_ms })
    local headers = response and response.headers
    local state = headers and headers["x-mtx-state"]
    if not state then
        return nil, response and response.status or 0
    end
    answered_at_ms = now_ms()
    local server = headers["x-mtx-server"]
    return {
        state = state[0],
        server = server and server[0],
        elsewhere = headers["x-mtx-elsewhere"] ~= nil,
        stopping = headers["x-mtx-stopping"] ~= nil,
    }
end

-- The same, never longer than the time-out. The HTTP client of HAProxy 2.6 tries four times, a second apart when the connection
-- is refused, and no setting changes that. So a task of its own waits for it, which costs more than asking: under load,
-- where that counts, another answer has just shown that the agent is well.
local function ask_guarded(url, timeout_ms)
    if unfinished >= most_unfinished then
        return nil, 504
    end
    local started = now_ms()
    local done, answer, err = false, nil, nil
    unfinished = unfinished + 1
    core.register_task(function()
        local ok
        ok, answer, err = pcall(ask, url, timeout_ms)
        if not ok then
            answer, err = nil, 0
        end
        done = true
        unfinished = unfinished - 1
    end)
    while not done and now_ms() - started < timeout_ms do
        core.msleep(1)
    end
    if not done then
        return nil, 504
    end
    return answer, err
end

local function prefer_next()
    answered_at_ms = -math.huge
    preferred = preferred % #agents + 1
end

local function route(txn)
    local stream = txn:get_var("txn.stream")
    if not stream then
        return
    end
    if #stream > longest_stream then
        txn:set_var("txn.mtx.state", "unknown")
        return
    end
    local session = (txn:get_var("txn.session") or ""):sub(1, longest_session)
    local question = escape(stream) .. "&session=" .. escape(session)

    local started = now_ms()
    local ask_now = started - answered_at_ms < fresh_ms and ask or ask_guarded
    local failure = 0
    for _ = 1, #agents do
        local left_ms = math.floor(deadline_ms - (now_ms() - started))
        if left_ms < 1 then
            break
        end
        local answer, err = ask_now(agents[preferred] .. question, left_ms)
        if answer then
            -- An agent that is about to end answers until nobody asks it any more.
            local next_failed_at_ms = failed_at_ms[preferred % #agents + 1] or -math.huge
            if answer.stopping and now_ms() - next_failed_at_ms > away_ms then
                prefer_next()
            end
            txn:set_var("txn.mtx.state", answer.state)
            if answer.server then
                txn:set_var("txn.mtx.server", answer.server)
            end
            if answer.elsewhere then
                txn:set_var("txn.mtx.elsewhere", "1")
            end
            return
        end
        failure = err
        failed_at_ms[preferred] = now_ms()
        prefer_next()
        ask_now = ask_guarded
    end
    txn:set_var("txn.mtx.error", failure)
end

core.register_action("mtxpilot", { "http-req" }, function(txn)
    -- The viewer's request goes on, whatever happens here.
    local ok, reason = pcall(route, txn)
    if not ok then
        txn:Warning("mtxpilot: " .. tostring(reason))
        pcall(txn.set_var, txn, "txn.mtx.error", 0)
    end
end)
