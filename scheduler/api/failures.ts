import { asBerthError, BerthError, type ErrorCode } from "#shared/errors.ts";

const FRAMEWORK_CODES: Readonly<Record<string, { readonly code: ErrorCode; readonly message: string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: "E_UNSUPPORTED_MEDIA", message: "the body's Content-Type is not JSON" },
  FST_ERR_CTP_BODY_TOO_LARGE: { code: "E_TOO_LARGE", message: "the request's body is larger than 114688 bytes" },
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: {
    code: "E_BAD_REQUEST",
    message: "the body's length is not what Content-Length says",
  },
  FST_ERR_BAD_URL: { code: "E_BAD_REQUEST", message: "the path is not a valid URL path" },
};

/** Anything that a request can end in, as one of our errors: our own, the framework's, or something nobody foresaw. */
export function failureOf(thrown: unknown): BerthError {
  if (thrown instanceof BerthError) return thrown;
  const known = FRAMEWORK_CODES[textProperty(thrown, "code")];
  if (known !== undefined) return new BerthError(known.code, known.message, { cause: thrown });
  const status = statusOf(thrown);
  if (thrown instanceof Error && status >= 400 && status < 500)
    return new BerthError("E_BAD_REQUEST", thrown.message, { cause: thrown });
  return asBerthError(thrown);
}

function textProperty(value: unknown, name: "code"): string {
  if (typeof value !== "object" || value === null || !(name in value)) return "";
  return typeof value[name] === "string" ? value[name] : "";
}

function statusOf(value: unknown): number {
  if (typeof value !== "object" || value === null || !("statusCode" in value)) return 500;
  return typeof value.statusCode === "number" ? value.statusCode : 500;
}
