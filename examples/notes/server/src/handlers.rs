use std::sync::MutexGuard;

use dropshot::{
    EmptyScanParams, HttpError, HttpResponseCreated, HttpResponseDeleted, HttpResponseOk,
    PaginationParams, Path, Query, RequestContext, ResultsPage, WhichPage,
};
use dropshot_codegen_runtime::{PageSelector, read_page_selector};

use crate::generated::{
    Credential, DeleteNotePath, Extracted, JsonBody, Notes, ShowNotePath,
    types::{NewNote, Note},
};
use crate::refusal;
use crate::store::{self, Store};

pub(crate) enum Handlers {}

impl Notes for Handlers {
    type Context = Store;

    async fn list_notes(
        rqctx: RequestContext<Store>,
        credential: Credential,
        query: Extracted<Query<PaginationParams<EmptyScanParams, PageSelector>>>,
    ) -> Result<HttpResponseOk<ResultsPage<Note>>, HttpError> {
        let notes = open(&rqctx, credential)?;
        let query = query.into_inner()?.into_inner();
        let limit = rqctx.page_limit(&query)?.get() as usize;
        let after = match query.page {
            WhichPage::First(EmptyScanParams {}) => 0,
            WhichPage::Next(last) => {
                read_page_selector(last).ok_or_else(refusal::invalid_page_token)?
            }
        };
        let page = notes.after(after).take(limit).cloned().collect();
        let page = ResultsPage::new(page, &EmptyScanParams {}, |note: &Note, _| {
            PageSelector::from(note.id.0)
        })?;
        Ok(HttpResponseOk(page))
    }

    async fn create_note(
        rqctx: RequestContext<Store>,
        credential: Credential,
        body: JsonBody<NewNote>,
    ) -> Result<HttpResponseCreated<Note>, HttpError> {
        let note = open(&rqctx, credential)?.insert(body.into_inner()?.text);
        Ok(HttpResponseCreated(note))
    }

    async fn show_note(
        rqctx: RequestContext<Store>,
        credential: Credential,
        path: Extracted<Path<ShowNotePath>>,
    ) -> Result<HttpResponseOk<Note>, HttpError> {
        let notes = open(&rqctx, credential)?;
        let note = notes.get(path.into_inner()?.into_inner().id.0);
        Ok(HttpResponseOk(note.ok_or_else(refusal::not_found)?.clone()))
    }

    async fn delete_note(
        rqctx: RequestContext<Store>,
        credential: Credential,
        path: Extracted<Path<DeleteNotePath>>,
    ) -> Result<HttpResponseDeleted, HttpError> {
        let mut notes = open(&rqctx, credential)?;
        let note = notes.remove(path.into_inner()?.into_inner().id.0);
        note.map(|_| HttpResponseDeleted())
            .ok_or_else(refusal::not_found)
    }
}

/// Checks the credential and returns the notes; the store offers no access without it.
fn open<'a>(
    rqctx: &'a RequestContext<Store>,
    Credential::ApiKey(key): Credential,
) -> Result<MutexGuard<'a, store::Notes>, HttpError> {
    let notes = rqctx.context().open(key.expose());
    notes.ok_or_else(refusal::unauthorized)
}
