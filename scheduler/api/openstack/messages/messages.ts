import { type Static, Type } from "typebox";
import type { Message } from "#shared/model/message.ts";
import { findMessage } from "../../../core/messages.ts";
import type { ApiDependencies } from "../../dependencies.ts";
import type { LinkBase } from "../rest/addresses.ts";
import { type Listed, listPage, listQuery, pageEnds } from "../rest/listing.ts";
import { type Operation, operation } from "../rest/operation.ts";
import { Links } from "../rest/page.ts";
import { fieldTime } from "../rest/times.ts";

/** Messages came with 3.3; pages, filters and sorting of them with 3.5. */
const SINCE = 3;
const PAGES_SINCE = 5;

const text = Type.String();
const MessageView = Type.Object({
  id: text,
  event_id: text,
  user_message: text,
  message_level: text,
  request_id: text,
  resource_type: text,
  resource_uuid: text,
  created_at: text,
  guaranteed_until: text,
  links: Links,
});
const MessageAnswer = Type.Object({ message: MessageView });
const MessagesAnswer = Type.Object({
  messages: Type.Array(MessageView),
  messages_links: Type.Optional(Links),
  count: Type.Optional(Type.Integer()),
});

function messageView(message: Message, links: LinkBase): Static<typeof MessageView> {
  const { id } = message;
  return {
    id,
    event_id: message.eventId,
    user_message: message.userMessage,
    message_level: message.level,
    request_id: message.requestId,
    resource_type: message.resourceType,
    resource_uuid: message.resourceId,
    created_at: fieldTime(message.createdAtMs),
    guaranteed_until: fieldTime(message.guaranteedUntilMs),
    links: [
      { rel: "self", href: `${links.self}/messages/${id}` },
      { rel: "bookmark", href: `${links.bookmark}/messages/${id}` },
    ],
  };
}

const FIELDS: Listed<Message>["fields"] = {
  id: ({ id }) => id,
  event_id: ({ eventId }) => eventId,
  message_level: ({ level }) => level,
  request_id: ({ requestId }) => requestId,
  resource_type: ({ resourceType }) => resourceType,
  resource_uuid: ({ resourceId }) => resourceId,
  created_at: ({ createdAtMs }) => fieldTime(createdAtMs),
  guaranteed_until: ({ guaranteedUntilMs }) => fieldTime(guaranteedUntilMs),
};

const listedMessages: Listed<Message> = {
  name: "Message",
  fields: FIELDS,
  sortKeys: Object.keys(FIELDS),
  metadata: () => ({}),
};

/** Why what was accepted failed after all. */
export function messageOperations({ engine }: ApiDependencies): readonly Operation[] {
  const { state } = engine;
  return [
    operation({
      name: "message:get_all",
      summary: "Why things failed that were accepted",
      method: "GET",
      path: "/messages",
      access: "reader",
      since: SINCE,
      query: listQuery(listedMessages),
      status: 200,
      answer: MessagesAnswer,
      handle: (call) => {
        const query = call.minor < PAGES_SINCE ? {} : call.query;
        const page = listPage(listedMessages, state.table("message"), { ...call, query });
        const messages = page.items.map((message) => messageView(message, call.links));
        return { messages, ...pageEnds(page, call.links, "messages_links", "/messages") };
      },
    }),
    operation({
      name: "message:get",
      summary: "One message",
      method: "GET",
      path: "/messages/:id",
      access: "reader",
      since: SINCE,
      status: 200,
      answer: MessageAnswer,
      handle: ({ by, links, param }) => ({ message: messageView(findMessage(state, param("id"), by.scope), links) }),
    }),
    operation({
      name: "message:delete",
      summary: "Forget a message",
      method: "DELETE",
      path: "/messages/:id",
      access: "member",
      since: SINCE,
      status: 204,
      handle: ({ by, param }) => engine.submit("message.delete", { ...by, id: param("id") }),
    }),
  ];
}
