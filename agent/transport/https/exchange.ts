import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { AnswerLost } from "../failures.ts";

/** Whatever the system said, errors included: what they mean is for the driver to say. */
export interface HttpsAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface ExchangeOptions {
  readonly request: Dispatcher.DispatchOptions;
  readonly signal: AbortSignal;
  readonly maxAnswerBytes: number;
  /**
   * Called in the same breath as the request is written: a connection may have to be made first, and that takes time.
   * What it throws is the exchange's failure, and nothing is written.
   */
  readonly beforeSending: () => void;
}

/** One request and its whole answer. Fails with the signal's reason when that is aborted, whatever it waits for. */
export function exchange(dispatcher: Dispatcher, options: ExchangeOptions): Promise<HttpsAnswer> {
  const { request, signal, maxAnswerBytes, beforeSending } = options;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | null = null;
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    const settle = (act: () => void): void => {
      signal.removeEventListener("abort", abort);
      act();
    };
    const fail = (error: Error): void => settle(() => reject(error));
    const abort = (): void => {
      const reason = signal.reason instanceof Error ? signal.reason : new Error("aborted");
      controller?.abort(reason);
      fail(reason);
    };
    signal.addEventListener("abort", abort, { once: true });
    dispatcher.dispatch(request, {
      onRequestStart(started) {
        controller = started;
        signal.throwIfAborted();
        beforeSending();
      },
      onResponseStart(_controller, code, told) {
        status = code;
        headers = told;
      },
      onResponseData(_controller, chunk) {
        sizeBytes += chunk.length;
        chunks.push(chunk);
        if (sizeBytes > maxAnswerBytes) controller?.abort(new AnswerLost(`it is longer than ${maxAnswerBytes} bytes`));
      },
      onResponseEnd: () => settle(() => resolve({ status, headers, body: Buffer.concat(chunks).toString("utf8") })),
      onResponseError: (_controller, error) => fail(error),
    });
  });
}
