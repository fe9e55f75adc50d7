"""Where bytes come from: files, HTTP servers, S3 and Google Cloud Storage, all behind `Folder`."""
