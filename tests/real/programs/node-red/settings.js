// Settings of a Node-RED behind the gateway. The folder is that of this file's copy.

const fs = require("fs");
const http = require("http");
const path = require("path");

// Node-RED has no access log: each request and each upgrade is a line.
const log = path.join(__dirname, "access.log");
const emit = http.Server.prototype.emit;
http.Server.prototype.emit = function (event, request, ...rest) {
    if (event === "request" || event === "upgrade") {
        const id = request.headers["portcullis-request-id"] ?? "-";
        fs.appendFileSync(log, `${id} ${request.method} ${request.url}\n`);
    }
    return emit.call(this, event, request, ...rest);
};

// Node reads header fields as Latin-1; the gateway sends UTF-8.
const text = (field) => Buffer.from(field, "latin1").toString();

module.exports = {
    uiHost: process.env.NODE_RED_HOST,
    uiPort: process.env.NODE_RED_PORT,
    flowFile: "flows.json",
    credentialSecret: "for tests only",
    // The editor and its API are below /editor, what flows serve below /app.
    httpAdminRoot: "/editor",
    httpNodeRoot: "/app",
    // The gateway's user is the editor's. There are no users with passwords, so that `auth/token`
    // never succeeds; a request without the field is rejected.
    adminAuth: {
        type: "credentials",
        users: [],
        tokenHeader: "portcullis-user",
        tokens: async (login) => ({ username: text(login), permissions: "*" }),
    },
    // What flows serve, for clients that do not use the gateway: user `gateway`, password `for tests
    // only`.
    httpNodeAuth: {
        user: "gateway",
        pass: "$2b$08$f6J9mFcWdPMyTUZwaqOmDOGlkoXOBJvFJmoCYYi0UaXGXDPPmdUmK",
    },
    diagnostics: { enabled: false },
    telemetry: { enabled: false, updateNotification: false },
    externalModules: { palette: { allowInstall: false }, modules: { allowInstall: false } },
    editorTheme: { tours: false, projects: { enabled: false } },
    logging: { console: { level: "warn", metrics: false, audit: false } },
};
