// A small portal with Express: `node express.js HOST PORT`. Routes ignore case and a slash at the
// end, as Express does unless told otherwise; parameters in the path are cut as in a servlet
// container.
"use strict";
const express = require("express");
const app = express();

app.use((request, response, next) => {
  request.url = request.url.replace(/;[^/?]*/g, "");
  next();
});
app.use(express.urlencoded({ extended: false }));
app.use(express.raw({ type: "application/octet-stream", limit: "10mb" }));

app.get("/", (request, response) => response.send("start"));
app.get("/FAQ", (request, response) => response.send("questions"));
app.get("/sign-up", (request, response) => response.send("sign-up form"));
app.post("/sign-up", (request, response) => response.send(`signed up ${request.body.name}`));
app.get("/tickets", (request, response) => response.send("list of tickets"));
app.post("/tickets", (request, response) => response.redirect(303, "/tickets/8"));
app.get(["/tickets/new", "/tickets/new.:format"], (request, response) => response.send("new ticket form"));
app.get("/tickets/:ticket", (request, response) => response.send(`ticket [${request.params.ticket}]`));
app.get("/files/:name", (request, response) => response.send(`file [${request.params.name}]`));
app.post("/files/:name", (request, response) =>
  response.status(201).send(`${request.params.name} has ${request.body.length} bytes`));
app.get("/projects/:project", (request, response) => response.send(`project [${request.params.project}]`));

const [host, port] = process.argv.slice(2);
app.listen(Number(port), host);
