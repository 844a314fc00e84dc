/** A fastify that knows one answer: what an API's own framework costs before anything is looked up. */
import fastify from "fastify";
import { Type } from "typebox";
import { LOOPBACK } from "#deploy/dev/settings.ts";
import { parser } from "#shared/schema.ts";

const told = parser(Type.Object({ status: Type.Integer(), answer: Type.Unknown() }));

const app = fastify();
let { status, answer } = told.parse({ status: 200, answer: {} });
app.all("/*", async (_request, reply) => reply.code(status).send(answer));
process.on("message", (message) => {
  ({ status, answer } = told.parse(message));
  process.send?.({ ready: true });
});
process.on("disconnect", () => process.exit());
await app.listen({ host: LOOPBACK, port: 0 });
process.send?.({ port: app.addresses().map((address) => (typeof address === "string" ? 0 : address.port))[0] });
