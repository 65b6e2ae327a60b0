-- The comparison: how routing to MediaMTX is commonly scripted in Lua. Each request asks one server's Control API after the other,
-- until one says that it has the stream ready. Nothing is remembered.
--
--   global
--       lua-load-per-thread ask-every-server.lua
--   backend mtx
--       http-request lua.ask_every_server
--
-- Reads txn.stream; sets txn.mtx.state (located or unknown) and txn.mtx.server, as the other deciders do.
-- MTX_APIS names the servers and their Control APIs: mtx1=127.0.0.11:9997,mtx2=127.0.0.12:9997

local servers = {}
for name, api in (os.getenv("MTX_APIS") or "mtx1=127.0.0.11:9997,mtx2=127.0.0.12:9997,mtx3=127.0.0.13:9997"):gmatch("([^=,]+)=([^,]+)") do
    servers[#servers + 1] = { name = name, url = "http://" .. api .. "/v3/paths/get/" }
end

core.register_action("ask_every_server", { "http-req" }, function(txn)
    local stream = txn:get_var("txn.stream")
    for _, server in ipairs(servers) do
        local response = core.httpclient():get({ url = server.url .. stream, timeout = 100 })
        if response and response.status == 200 and response.body:find('"ready":%s*true') then
            txn:set_var("txn.mtx.state", "located")
            txn:set_var("txn.mtx.server", server.name)
            return
        end
    end
    txn:set_var("txn.mtx.state", "unknown")
end)
